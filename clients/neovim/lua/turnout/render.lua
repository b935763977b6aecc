---Draws a suggestion around the cursor with extmarks; it knows nothing of requests or keys.
local M = {}

M.namespace = vim.api.nvim_create_namespace("turnout.ghost")

local GROUP, REST_GROUP = "TurnoutGhost", "Normal"

---@class (exact) turnout.Drawing
---@field row integer 0-based row of the cursor.
---@field col integer Byte column of the cursor.
---@field text string What would be inserted.
---@field replaced string Text right of the cursor that the insertion takes the place of.
---@field rest string Text right of `replaced`, to the end of the line.

---Cells to the next tab stop of the current buffer.
---@param column integer 0-based screen column
---@return integer
local function tab_width(column)
  local stops = vim.split(vim.bo.vartabstop, ",", { plain = true, trimempty = true })
  local start = 0
  for _, stop in ipairs(stops) do
    local width = tonumber(stop) --[[@as integer]]
    if column < start + width then
      return start + width - column
    end
    start = start + width
  end
  local width = tonumber(stops[#stops]) or vim.bo.tabstop
  return width - (column - start) % width
end

---`text` as it would look from a screen column on: tabs as blanks, control characters readable.
---@param text string
---@param column integer 0-based
---@return string
local function visible(text, column)
  local pieces = {}
  for i, piece in ipairs(vim.split(text, "\t", { plain = true })) do
    if i > 1 then
      local width = tab_width(column)
      pieces[#pieces + 1] = (" "):rep(width)
      column = column + width
    end
    piece = vim.fn.strtrans(piece)
    pieces[#pieces + 1] = piece
    column = column + vim.api.nvim_strwidth(piece)
  end
  return table.concat(pieces)
end

---Cells left of the cursor on its line, virtual text not counted.
---@param drawing turnout.Drawing
---@return integer
local function cursor_column(drawing)
  local line = vim.api.nvim_buf_get_text(0, drawing.row, 0, drawing.row, drawing.col, {})[1]
  return vim.fn.strdisplaywidth(line)
end

---Whether text of `width` cells from the cursor on stays on the cursor's screen line.
---@param column integer
---@param width integer
---@return boolean
local function fits(column, width)
  local info = vim.fn.getwininfo(vim.api.nvim_get_current_win())[1]
  return column + width <= info.width - info.textoff
end

---The line as it would be, laid over what is right of the cursor.
---@param first string
---@param rest string
---@param covered integer Cells that must not show through.
---@return string[][]
local function overlay(first, rest, covered)
  local chunks = { { first, GROUP }, { rest, REST_GROUP } }
  local width = vim.api.nvim_strwidth(first) + vim.api.nvim_strwidth(rest)
  if width < covered then
    chunks[#chunks + 1] = { (" "):rep(covered - width), REST_GROUP }
  end
  return chunks
end

---Lines below the cursor's; the last one carries on with the text that the insertion pushes down.
---@param lines string[]
---@param rest string
---@return string[][][]?
local function lines_below(lines, rest)
  if #lines == 1 then
    return nil
  end
  local below = {}
  for i = 2, #lines do
    local shown = visible(lines[i], 0)
    below[#below + 1] = { { shown, GROUP } }
    if i == #lines and rest ~= "" then
      table.insert(below[#below], { visible(rest, vim.api.nvim_strwidth(shown)), REST_GROUP })
    end
  end
  return below
end

---The text of a one-line suggestion without the end that the line already has, such as a closing bracket.
---@param drawing turnout.Drawing
---@return string
local function without_replaced(drawing)
  if drawing.replaced ~= "" and vim.endswith(drawing.text, drawing.replaced) then
    return drawing.text:sub(1, -#drawing.replaced - 1)
  end
  return drawing.text
end

---Draw a suggestion in the current window, in place of the one drawn before.
---@param drawing turnout.Drawing
function M.draw(drawing)
  local lines = vim.split(drawing.text, "\n", { plain = true })
  local column = cursor_column(drawing)
  local mark = { id = 1, hl_mode = "combine", undo_restore = false, priority = 4096 }
  local first = without_replaced(drawing)
  local leaves_line = #lines == 1 and (drawing.replaced == "" or first ~= drawing.text)
  local ends_line = drawing.replaced == "" and drawing.rest == ""
  if leaves_line or ends_line then
    mark.virt_text = { { visible(#lines == 1 and first or lines[1], column), GROUP } }
    mark.virt_text_pos = "inline"
    mark.virt_lines = lines_below(lines, "")
  else
    -- Text right of the cursor moves or goes: show the line as it would be, over the one that is there.
    local shown = visible(lines[1], column)
    local rest = #lines == 1 and visible(drawing.rest, column + vim.api.nvim_strwidth(shown)) or ""
    local covered = vim.fn.strdisplaywidth(drawing.replaced .. drawing.rest, column)
    local chunks = overlay(shown, rest, covered)
    local width = math.max(covered, vim.api.nvim_strwidth(shown .. rest))
    local fitting = fits(column, width)
    mark.virt_text = fitting and chunks or { { shown, GROUP } }
    mark.virt_text_pos = fitting and "overlay" or "inline"
    mark.virt_lines = lines_below(lines, fitting and drawing.rest or "")
  end
  vim.api.nvim_buf_set_extmark(0, M.namespace, drawing.row, drawing.col, mark)
end

---Take whatever is drawn in a buffer off the screen.
---@param bufnr integer
function M.clear(bufnr)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, M.namespace, 0, -1)
  end
end

return M
