-- The client's definition for `vim.lsp.enable("turnout")`; it works on its own, without setup().

---@param command lsp.Command
---@param ctx { client_id: integer }
local function run_action(command, ctx)
  require("turnout.actions").run(command, ctx.client_id)
end

---@type vim.lsp.Config
return {
  cmd = { "turnout", "serve", "--stdio" },
  root_markers = { ".turnout.toml", ".git" },
  -- With a name the server sends `turnout/status`.
  init_options = { client = { name = "neovim" } },
  capabilities = {
    workspace = {
      workspaceEdit = {
        documentChanges = true,
        resourceOperations = { "create", "rename", "delete" },
        failureHandling = "transactional",
      },
    },
  },
  commands = {
    ["turnout.rewrite"] = run_action,
    ["turnout.fix"] = run_action,
    ["turnout.document"] = run_action,
    ["turnout.test"] = run_action,
    ["turnout.explain"] = run_action,
  },
  handlers = {
    -- Neovim applies edits made for older versions of a document and calls that a success.
    ["workspace/applyEdit"] = function(_, params, ctx)
      return require("turnout.edits").handle(params, ctx.client_id)
    end,
    ["window/showMessage"] = function(_, params)
      require("turnout.messages").from_server(params)
    end,
    ["turnout/status"] = function(_, params, ctx)
      require("turnout.status").update(params, ctx.client_id)
    end,
  },
}
