---Tells a server that wants to know it where the cursor came to rest, so that it can get ready for that place.
local client = require("turnout.client")

local M = {}

local IDLE_MS = 250

---@type uv.uv_timer_t?
local timer
---What was told last: the cursor rests at one place once.
local last = ""

local function tell()
  local bufnr = vim.api.nvim_get_current_buf()
  local server = client.get(bufnr)
  if not server or not M.wanted(server) then
    return
  end
  local cursor = vim.api.nvim_win_get_cursor(0)
  local place = ("%d %d %d %d"):format(server.id, bufnr, cursor[1], cursor[2])
  if place ~= last then
    last = place
    ---@diagnostic disable-next-line: param-type-mismatch
    server:notify("turnout/cursor", {
      textDocument = { uri = vim.uri_from_bufnr(bufnr) },
      position = client.position(server, bufnr, cursor[1] - 1, cursor[2]),
    })
  end
end

---Whether a server wants to be told.
---@param server vim.lsp.Client
---@return boolean
function M.wanted(server)
  return client.extensions(server).cursor == true
end

---Watch the cursor from now on. Later calls do nothing.
function M.start()
  if timer then
    return
  end
  timer = assert(vim.uv.new_timer())
  vim.api.nvim_create_autocmd({ "CursorMoved", "CursorMovedI", "BufEnter", "LspAttach" }, {
    group = vim.api.nvim_create_augroup("turnout.idle", { clear = true }),
    desc = "Tell the server where the cursor rests",
    callback = function()
      timer:start(IDLE_MS, 0, vim.schedule_wrap(tell))
    end,
  })
  timer:start(IDLE_MS, 0, vim.schedule_wrap(tell))
end

return M
