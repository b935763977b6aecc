---Code actions of the server: asks for the instruction where one is needed, shows progress and what comes of it.
local client = require("turnout.client")
local progress = require("turnout.progress")

local M = {}

---@param result table
---@param title string
local function report(result, title)
  if type(result.markdown) == "string" then
    local lines = vim.split(result.markdown, "\n", { plain = true })
    vim.lsp.util.open_floating_preview(lines, "markdown", { border = "single", wrap = true, title = title })
  elseif result.applied then
    client.notify(("%s: done, not saved; :Turnout undo takes it back"):format(title))
  end
end

---@param server vim.lsp.Client
---@param command lsp.Command
---@param argument table
local function send(server, command, argument)
  local token = progress.new_token()
  local params = { command = command.command, arguments = { argument }, workDoneToken = token }
  local id = client.request(server, "workspace/executeCommand", params, function(result)
    progress.stop(token)
    if type(result) == "table" then
      report(result, command.title)
    end
  end, function(err)
    progress.stop(token)
    client.notify(client.describe_error(err), vim.log.levels.ERROR)
  end)
  progress.follow(token, command.title, id and { client = server, id = id } or nil)
end

---Carry out the command of a code action.
---@param command lsp.Command
---@param client_id integer
function M.run(command, client_id)
  local server = vim.lsp.get_client_by_id(client_id)
  local argument = command.arguments and command.arguments[1] --[[@as table?]]
  if not server or type(argument) ~= "table" then
    return
  end
  if not argument.asks then
    send(server, command, argument)
    return
  end
  vim.ui.input({ prompt = command.title:gsub("%.+$", "") .. ": " }, function(instruction)
    if instruction and instruction ~= "" then
      send(server, command, vim.tbl_extend("force", argument, { instruction = instruction }))
    end
  end)
end

---The problems of a buffer, as the protocol has them; hints are for the eye, such as the grey of what nobody uses.
---@param buf integer
---@return lsp.Diagnostic[]
local function problems(buf)
  local worth = { min = vim.diagnostic.severity.INFO }
  return vim.lsp.diagnostic.from(vim.diagnostic.get(buf, { severity = worth }))
end

---Have all problems of the current buffer mended at once; code actions at the cursor know only those that are there.
function M.fix_file()
  local server, buf = client.require_one(), vim.api.nvim_get_current_buf()
  local found = problems(buf)
  if not server then
    return
  elseif #found == 0 then
    client.notify("no problem of this buffer is known here")
    return
  end
  local last = { line = vim.api.nvim_buf_line_count(buf), character = 0 }
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(buf) },
    range = { start = { line = 0, character = 0 }, ["end"] = last },
    context = { diagnostics = found, only = { "quickfix" } },
  }
  client.request(server, "textDocument/codeAction", params, function(offered)
    -- Each problem has its own fix first, and the last one is of all.
    local action = type(offered) == "table" and offered[#offered]
    if action and action.command then
      M.run(action.command, server.id)
    end
  end)
end

return M
