-- The client's definition for `vim.lsp.enable("turnout")`; it works on its own, without setup().
---@type vim.lsp.Config
return {
  cmd = { "turnout", "serve", "--stdio" },
  root_markers = { ".turnout.toml", ".git" },
  capabilities = {
    textDocument = { inlineCompletion = { dynamicRegistration = false } },
    workspace = {
      workspaceEdit = {
        documentChanges = true,
        resourceOperations = { "create", "rename", "delete" },
        failureHandling = "transactional",
      },
    },
  },
  handlers = {
    -- Neovim applies edits made for older versions of a document and calls that a success.
    ["workspace/applyEdit"] = function(_, params, ctx)
      return require("turnout.edits").handle(params, ctx.client_id)
    end,
    ["turnout/status"] = function(_, params, ctx)
      require("turnout.status").update(params, ctx.client_id)
    end,
  },
}
