---What the user is told: never in a way that stops the typing, and always to be read again.
local M = {}

local KEPT = 100

---@type string[] Oldest first.
local told = {}

---Cells of the message line that can be used before Neovim waits for a key.
---@return integer
local function room()
  return math.max(vim.v.echospace, 20) + vim.o.columns * math.max(vim.o.cmdheight - 1, 0)
end

---@param text string
---@param width integer
---@return string
local function shortened(text, width)
  while vim.api.nvim_strwidth(text) > width do
    text = vim.fn.strcharpart(text, 0, vim.fn.strchars(text) - 1)
  end
  return text
end

---Whether messages go to the message line, and not to a window of some plugin.
---@return boolean
local function is_builtin()
  -- Neovim 0.12 compiles its own modules without their names.
  local source = debug.getinfo(vim.notify, "S").source
  return vim.startswith(source, "@vim/") or source == "?" or source == "=?"
end

---Tell the user something. Where it does not fit the message line, its beginning is shown there.
---@param message string
---@param level? integer
function M.tell(message, level)
  local text = "turnout: " .. message
  told[#told + 1] = text
  if #told > KEPT then
    table.remove(told, 1)
  end
  local line = text:gsub("%s+", " ")
  local more = " ... (:Turnout messages)"
  if is_builtin() and vim.api.nvim_strwidth(line) > room() then
    text = shortened(line, room() - #more) .. more
  end
  vim.notify(text, level or vim.log.levels.INFO)
end

---Show work in progress on the message line, without keeping it.
---@param text string
function M.show(text)
  vim.api.nvim_echo({ { shortened((text:gsub("%s+", " ")), room()) } }, false, {})
end

---Everything that was told, a line each.
---@return string[]
function M.all()
  return vim
    .iter(told)
    :map(function(text)
      return vim.split(text, "\n", { plain = true })
    end)
    :flatten()
    :totable()
end

---Take over a `window/showMessage` notification.
---@param params lsp.ShowMessageParams
function M.from_server(params)
  local levels = { vim.log.levels.ERROR, vim.log.levels.WARN, vim.log.levels.INFO, vim.log.levels.DEBUG }
  M.tell((params.message:gsub("^Turnout: ", "")), levels[params.type])
end

return M
