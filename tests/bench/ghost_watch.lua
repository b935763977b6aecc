---Writes down what is drawn as ghost text: when, at which cursor and what it says, whoever draws it.
---
---It looks at every redraw, so that a suggestion counts when it is on the screen and not when somebody asked for it.
local M = {}

---Highlights of suggested text; other virtual text, such as llama.vim's figures, is no suggestion.
local SUGGESTED = { TurnoutGhost = true, llama_hl_fim_hint = true }

local log, last = {}, ""

---@param chunks string[][]
---@return string
local function suggested(chunks)
  local pieces = {}
  for _, chunk in ipairs(chunks) do
    if SUGGESTED[chunk[2]] then
      pieces[#pieces + 1] = chunk[1]
    end
  end
  return table.concat(pieces)
end

---@param buf integer
---@param row integer 0-based
---@return string
local function ghost(buf, row)
  local lines = { "" }
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buf, -1, { row, 0 }, { row, -1 }, { details = true })) do
    lines[1] = lines[1] .. suggested(mark[4].virt_text or {})
    for _, line in ipairs(mark[4].virt_lines or {}) do
      lines[#lines + 1] = suggested(line)
    end
  end
  return table.concat(lines, "\n")
end

local function look(_, win, buf)
  local row, col = unpack(vim.api.nvim_win_get_cursor(win))
  local before = vim.api.nvim_buf_get_lines(buf, row - 1, row, false)[1]:sub(1, col)
  local text = ghost(buf, row - 1)
  local seen = ("%d\n%s\n%s"):format(row, before, text)
  if seen ~= last then
    last = seen
    log[#log + 1] = { vim.uv.hrtime() / 1e9, row - 1, before, text }
  end
end

---Begin.
function M.start()
  vim.api.nvim_set_decoration_provider(vim.api.nvim_create_namespace("bench.watch"), { on_win = look })
end

---Everything since the last call: seconds of the monotonic clock, line (0-based), text before the cursor, ghost text.
function M.take()
  local taken = log
  log = {}
  return taken
end

return M
