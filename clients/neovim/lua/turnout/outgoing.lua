---`:Turnout outgoing` and `:Turnout sent`: the text of requests, before they are made and after, to be read.
local client = require("turnout.client")

local M = {}

---Open a page in a split; it is a buffer of its own, which no server hears of and nobody can change.
---@param name string
---@param text string
local function open(name, text)
  vim.cmd.new()
  local buf = vim.api.nvim_get_current_buf()
  vim.bo[buf].buftype, vim.bo[buf].bufhidden, vim.bo[buf].swapfile = "nofile", "wipe", false
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, vim.split(text, "\n", { plain = true }))
  vim.bo[buf].modifiable = false
  pcall(vim.api.nvim_buf_set_name, buf, ("turnout://%s/%d"):format(name, buf))
end

---The lines of a range as the protocol has them: from its first one to the one after it.
---@param range { [1]: integer, [2]: integer }
---@return lsp.Range
local function lines(range)
  return { start = { line = range[1] - 1, character = 0 }, ["end"] = { line = range[2], character = 0 } }
end

---Open what a request of `kind` would send from here.
---@param kind string
---@param instruction string What the user says, empty where nothing.
---@param range? { [1]: integer, [2]: integer } Lines, from 1.
function M.show(kind, instruction, range)
  local server = client.require_one()
  if not server then
    return
  end
  local buf, cursor = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)
  local at = client.position(server, buf, cursor[1] - 1, cursor[2])
  local problems = vim.diagnostic.get(buf, { lnum = cursor[1] - 1 })
  local params = {
    kind = kind,
    textDocument = { uri = vim.uri_from_bufnr(buf) },
    position = at,
    range = range and lines(range) or { start = at, ["end"] = at },
    instruction = instruction ~= "" and instruction or nil,
    diagnostics = vim.lsp.diagnostic.from(problems),
  }
  local function go_on(references)
    params.references = references
    client.request(server, "turnout/preview", params, function(result)
      open("outgoing", result.report)
    end)
  end
  if kind == "refactor" then
    require("turnout.references").gather(server, go_on)
  else
    go_on()
  end
end

---Open the last prompts that were sent.
---@param count? number
function M.sent(count)
  local server = client.require_one()
  if server then
    local params = { count = count and math.max(1, math.floor(count)) or nil }
    client.request(server, "turnout/sent", next(params) and params or vim.empty_dict(), function(result)
      open("sent", result.report)
    end)
  end
end

return M
