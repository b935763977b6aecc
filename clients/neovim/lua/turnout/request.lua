---One request for suggestions at a time: sending it, cancelling it, and throwing away what comes too late.
local client = require("turnout.client")
local cursor = require("turnout.cursor")
local suggestion = require("turnout.suggestion")

local M = {}

local METHOD = "textDocument/inlineCompletion"

M.INVOKED, M.AUTOMATIC = 1, 2

---A request, and everything that must still be so when its answer comes.
---@class (exact) turnout.Pending
---@field client vim.lsp.Client
---@field id? integer
---@field buf integer
---@field tick integer
---@field row integer
---@field col integer

---@alias turnout.OnItems fun(server: vim.lsp.Client, items: turnout.Item[], anchor: turnout.Anchor)

---@type turnout.Pending?
local pending
---@type uv.uv_timer_t?
local timer

---@param server vim.lsp.Client
---@return turnout.Pending
local function here(server)
  local buf = vim.api.nvim_get_current_buf()
  local row, col = cursor.position()
  return { client = server, buf = buf, tick = vim.b[buf].changedtick, row = row, col = col }
end

---@param request turnout.Pending
---@return boolean
local function is_current(request)
  local row, col = cursor.position()
  return cursor.inserting()
    and vim.api.nvim_get_current_buf() == request.buf
    and vim.b[request.buf].changedtick == request.tick
    and row == request.row
    and col == request.col
end

---@param request turnout.Pending
---@param result lsp.InlineCompletionList|lsp.InlineCompletionItem[]
---@param on_items turnout.OnItems
local function deliver(request, result, on_items)
  local function to_byte(position)
    return client.byte_column(request.client, request.buf, position)
  end
  local items, anchor = suggestion.decode(result.items or result, request.buf, request.row, request.col, to_byte)
  if anchor then
    on_items(request.client, items, anchor)
  end
end

---Cancel the request that is under way, and one that waits for its time.
function M.cancel()
  if timer then
    timer:stop()
  end
  local request = pending
  pending = nil
  if request and request.id and not request.client:is_stopped() then
    request.client:cancel_request(request.id)
  end
end

---Forget a request without a word to a client that is gone.
---@param client_id integer
function M.forget(client_id)
  if pending and pending.client.id == client_id then
    pending = nil
  end
end

---Ask for suggestions at the cursor, in place of the request before.
---
---`on_items` is called at most once, with at least one item, and only where nothing happened in between.
---@param kind integer `M.INVOKED` or `M.AUTOMATIC`
---@param on_items turnout.OnItems
---@return boolean sent False where there is no server, or a suggestion could not be shown.
function M.send(kind, on_items)
  M.cancel()
  local buf = vim.api.nvim_get_current_buf()
  local server = client.get(buf)
  if not server or not server.server_capabilities.inlineCompletionProvider or not cursor.showable() then
    return false
  end
  local request = here(server)
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(buf) },
    position = client.position(server, buf, request.row, request.col),
    context = { triggerKind = kind },
  }
  pending = request
  ---@diagnostic disable-next-line: param-type-mismatch
  local sent, id = server:request(METHOD, params, function(err, result)
    if pending ~= request then
      return
    end
    pending = nil
    if not err and result and result ~= vim.NIL and is_current(request) then
      deliver(request, result, on_items)
    end
  end, buf)
  request.id = id
  if not sent then
    pending = nil
  end
  return sent
end

---Ask as `send` does, but not before `delay_ms` without another call.
---@param delay_ms integer
---@param on_items turnout.OnItems
function M.send_soon(delay_ms, on_items)
  M.cancel()
  if delay_ms <= 0 then
    M.send(M.AUTOMATIC, on_items)
    return
  end
  timer = timer or assert(vim.uv.new_timer())
  timer:start(
    delay_ms,
    0,
    vim.schedule_wrap(function()
      M.send(M.AUTOMATIC, on_items)
    end)
  )
end

return M
