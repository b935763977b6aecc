---`:Turnout commit`: a message for what is staged, where it can be committed with.
local client = require("turnout.client")
local progress = require("turnout.progress")

local M = {}

local TITLE = "Commit message"

---Put a message where its user needs it: at the top of a commit that is being written, else shown and in a register.
---@param bufnr integer
---@param message string
local function put(bufnr, message)
  local lines = vim.split(message, "\n", { plain = true })
  if vim.api.nvim_buf_is_valid(bufnr) and vim.bo[bufnr].filetype == "gitcommit" then
    local is_empty = vim.api.nvim_buf_get_lines(bufnr, 0, 1, false)[1] == ""
    vim.api.nvim_buf_set_lines(bufnr, 0, is_empty and 1 or 0, false, lines)
    return
  end
  vim.fn.setreg('"', lines, "l")
  vim.lsp.util.open_floating_preview(lines, "gitcommit", { border = "single", wrap = true, title = TITLE })
end

---Have the server write a message for what is staged in its folder.
function M.write()
  local server = client.require_one()
  if not server then
    return
  end
  local bufnr, token = vim.api.nvim_get_current_buf(), progress.new_token()
  local folder = vim.uri_from_fname(server.root_dir or vim.fn.getcwd())
  local params = { command = "turnout.commitMessage", arguments = { { folder = folder } }, workDoneToken = token }
  local id = client.request(server, "workspace/executeCommand", params, function(result)
    progress.stop(token)
    if type(result) == "table" and type(result.message) == "string" then
      put(bufnr, result.message)
    end
  end, function(err)
    progress.stop(token)
    client.notify(client.describe_error(err), vim.log.levels.ERROR)
  end)
  progress.follow(token, TITLE, id and { client = server, id = id } or nil)
end

return M
