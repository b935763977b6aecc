---Work that the user asked for and waits for: its progress on the message line, and how it is cancelled.
---
---Progress of anything else is left to whoever shows it.
local messages = require("turnout.messages")

local M = {}

---@class (exact) turnout.Work
---@field what string
---@field client? vim.lsp.Client
---@field id? integer The request to cancel.
---@field model? string The model that does it, once that is known.
---@field told? string What its progress last said.

---@type table<string, turnout.Work> By progress token.
local followed = {}

---@return string
function M.new_token()
  return ("turnout-%d"):format(vim.uv.hrtime())
end

---@param work turnout.Work
local function show(work)
  local model = work.model and (" (%s)"):format(work.model) or ""
  messages.show(("turnout: %s%s: %s (:Turnout cancel)"):format(work.what, model, work.told or "..."))
end

---@param value { kind: string, title?: string, message?: string, percentage?: number }
---@param work turnout.Work
local function report(value, work)
  if value.kind == "end" then
    return
  end
  local parts = { value.message or value.title }
  if value.percentage and value.percentage > 0 then
    parts[#parts + 1] = ("%d%%"):format(value.percentage)
  end
  work.told = #parts > 0 and table.concat(parts, " ") or work.told
  show(work)
end

---Show progress under `token` from now on.
---@param token string
---@param what string
---@param request? { client: vim.lsp.Client, id: integer }
function M.follow(token, what, request)
  if not request then
    return
  end
  followed[token] = { what = what, client = request.client, id = request.id }
  show(followed[token])
  vim.api.nvim_create_autocmd("LspProgress", {
    group = vim.api.nvim_create_augroup("turnout.progress", { clear = true }),
    desc = "Show the progress of what Turnout works on",
    callback = function(args)
      local params = args.data.params
      local work = followed[params.token]
      if work then
        report(params.value, work)
      end
    end,
  })
end

---Name the model that does the work under `token`.
---@param token string
---@param model string
function M.name_model(token, model)
  local work = followed[token]
  if work then
    work.model = model
    show(work)
  end
end

---Stop showing the progress of `token`.
---@param token string
function M.stop(token)
  followed[token] = nil
  if next(followed) == nil then
    vim.api.nvim_create_augroup("turnout.progress", { clear = true })
    vim.api.nvim_echo({ { "" } }, false, {})
  end
end

---Whether anything is being worked on.
---@return boolean
function M.busy()
  return next(followed) ~= nil
end

---Cancel everything that is being worked on.
---@return string[] what Names of the work that was cancelled.
function M.cancel()
  local cancelled = {}
  for token, work in pairs(followed) do
    cancelled[#cancelled + 1] = work.what
    if not work.client:is_stopped() then
      work.client:cancel_request(work.id)
    end
    M.stop(token)
  end
  return cancelled
end

return M
