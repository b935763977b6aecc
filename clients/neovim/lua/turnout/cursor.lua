---Where the cursor of the current window is, and whether a suggestion can be drawn there.
local menu = require("turnout.menu")

local M = {}

---@return integer row 0-based
---@return integer col In bytes.
function M.position()
  local position = vim.api.nvim_win_get_cursor(0)
  return position[1] - 1, position[2]
end

---Whether the user is inserting text; replacing does not count, since a suggestion pushes text aside.
---@return boolean
function M.inserting()
  return vim.api.nvim_get_mode().mode:sub(1, 1) == "i"
end

---Whether a suggestion can be drawn at the cursor, and belongs there.
---@return boolean
function M.showable()
  local virtual = vim.fn.getpos(".")[4] > 0 -- right of the end of the line, where 'virtualedit' allows it
  return M.inserting() and not virtual and vim.fn.foldclosed(".") == -1 and not menu.selected()
end

return M
