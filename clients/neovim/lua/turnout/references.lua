---Where the other language servers of a buffer find what is at the cursor: they are asked for a moment, and no more is
---taken than is of use.
local M = {}

local METHOD = "textDocument/references"
local MOST = 500

---How long a refactor waits for them.
M.patience_ms = 1000

---@param own vim.lsp.Client
---@return vim.lsp.Client[]
local function others(own)
  if vim.fn.expand("<cword>") == "" then
    return {}
  end
  return vim.tbl_filter(function(client)
    return client.id ~= own.id
  end, vim.lsp.get_clients({ bufnr = vim.api.nvim_get_current_buf(), method = METHOD }))
end

---@param client vim.lsp.Client
---@param on_answer fun(found: lsp.Location[])
---@return fun() stop
local function ask(client, on_answer)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding) --[[@as table]]
  params.context = { includeDeclaration = true }
  local sent, id = client:request(METHOD, params, function(_, found)
    on_answer(type(found) == "table" and found or {})
  end, vim.api.nvim_get_current_buf())
  if not sent then
    on_answer({})
  end
  return function()
    if sent and id then
      client:cancel_request(id)
    end
  end
end

---Ask the other servers of the current buffer; `on_found` is called once, with nil where they find nothing in time.
---@param own vim.lsp.Client Not asked.
---@param on_found fun(places?: lsp.Location[])
function M.gather(own, on_found)
  local asked = others(own)
  local places, waiting, stops, done = {}, #asked, {}, false
  local function finish()
    if not done then
      done = true
      vim.iter(stops):each(function(stop)
        stop()
      end)
      on_found(#places > 0 and vim.list_slice(places, 1, MOST) or nil)
    end
  end
  if waiting == 0 then
    finish()
    return
  end
  for number, client in ipairs(asked) do
    local stop = ask(client, function(found)
      vim.list_extend(places, found)
      stops[number] = nil
      waiting = waiting - 1
      if waiting == 0 then
        finish()
      end
    end)
    stops[number] = stop
  end
  vim.defer_fn(finish, M.patience_ms)
end

return M
