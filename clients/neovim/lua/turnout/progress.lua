---Shows the progress of work that this plugin asked for, on the message line; other progress is left alone.
local M = {}

---@type table<string, string> From token to what is being done.
local followed = {}

---@param text string
local function show(text)
  -- One line and no history: a longer message would stop the user at a prompt.
  local room = math.max(vim.o.columns - 14, 10)
  vim.api.nvim_echo({ { vim.fn.strcharpart(text:gsub("%s+", " "), 0, room) } }, false, {})
end

---@param value { kind: string, title?: string, message?: string, percentage?: number }
---@param what string
local function report(value, what)
  if value.kind == "end" then
    return
  end
  local parts = { "turnout:", value.title or what }
  if value.message then
    parts[#parts + 1] = value.message
  end
  if value.percentage then
    parts[#parts + 1] = ("%d%%"):format(value.percentage)
  end
  parts[#parts + 1] = "(:Turnout cancel)"
  show(table.concat(parts, " "))
end

---Show progress under `token` from now on.
---@param token string
---@param what string
function M.follow(token, what)
  followed[token] = what
  show(("turnout: %s ... (:Turnout cancel)"):format(what))
  vim.api.nvim_create_autocmd("LspProgress", {
    group = vim.api.nvim_create_augroup("turnout.progress", { clear = true }),
    desc = "Show the progress of a refactor",
    callback = function(args)
      local params = args.data.params
      if followed[params.token] then
        report(params.value, followed[params.token])
      end
    end,
  })
end

---Stop showing the progress of `token`, or of everything.
---@param token? string
function M.stop(token)
  if token then
    followed[token] = nil
  else
    followed = {}
  end
  if next(followed) == nil then
    vim.api.nvim_create_augroup("turnout.progress", { clear = true })
    vim.api.nvim_echo({ { "" } }, false, {})
  end
end

return M
