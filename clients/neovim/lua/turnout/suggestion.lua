---A suggestion against the text around it: pure questions, no drawing and no requests.
local M = {}

---@class (exact) turnout.Item
---@field id? string What the server calls it.
---@field text string The whole insertion, from the anchor on, lines separated by "\n".
---@field replaced string Text right of the cursor that it takes the place of, on the cursor's line.

---Where suggestions are anchored, and the text around the cursor when they were made.
---@class (exact) turnout.Anchor
---@field buf integer
---@field row integer 0-based
---@field col integer Byte column.
---@field head string Text left of the anchor on its line.
---@field tail string Text right of the cursor on its line.
---@field line_count integer Lines of the buffer, less those from the anchor down to the cursor.

---@param buf integer
---@param row integer
---@return string
local function line_at(buf, row)
  return vim.api.nvim_buf_get_lines(buf, row, row + 1, false)[1] or ""
end

---@param buf integer
---@param row integer Cursor row, 0-based
---@param col integer Cursor byte column
---@param start_col integer Byte column where the insertion starts, on the same row
---@return turnout.Anchor
function M.anchor(buf, row, col, start_col)
  local line = line_at(buf, row)
  return {
    buf = buf,
    row = row,
    col = start_col,
    head = line:sub(1, start_col),
    tail = line:sub(col + 1),
    line_count = vim.api.nvim_buf_line_count(buf),
  }
end

---What stands between an anchor and the cursor, and behind the cursor; nil where the text before has changed.
---@param anchor turnout.Anchor
---@param row integer Cursor row, 0-based
---@param col integer Cursor byte column
---@return string? typed
---@return string? tail
local function around(anchor, row, col)
  if row < anchor.row or (row == anchor.row and col < anchor.col) then
    return nil
  end
  if vim.api.nvim_buf_line_count(anchor.buf) ~= anchor.line_count + row - anchor.row then
    return nil
  end
  local lines = vim.api.nvim_buf_get_lines(anchor.buf, anchor.row, row + 1, false)
  if lines[1]:sub(1, anchor.col) ~= anchor.head then
    return nil
  end
  local tail = lines[#lines]:sub(col + 1)
  lines[#lines] = lines[#lines]:sub(1, col)
  lines[1] = lines[1]:sub(anchor.col + 1)
  return table.concat(lines, "\n"), tail
end

---Text from the anchor to the cursor, or nil where the text around has changed so that it means nothing.
---@param anchor turnout.Anchor
---@param row integer Cursor row, 0-based
---@param col integer Cursor byte column
---@return string?
function M.typed(anchor, row, col)
  local typed, tail = around(anchor, row, col)
  return tail == anchor.tail and typed or nil
end

---@param text string
---@param rest string
---@return boolean
local function is_rest_behind_closers(text, rest)
  return vim.endswith(text, rest) and text:sub(1, #text - #rest):find("^[%)%]}>\"'`]*$") ~= nil
end

---Whether the user is typing what an item says, though a plugin closed brackets or quotes behind the cursor meanwhile,
---or the cursor went over some that stood there.
---@param item turnout.Item
---@param anchor turnout.Anchor
---@param row integer Cursor row, 0-based
---@param col integer Cursor byte column
---@return boolean
function M.is_typed(item, anchor, row, col)
  local typed, tail = around(anchor, row, col)
  if not typed or not tail or not vim.startswith(item.text, typed) then
    return false
  end
  return is_rest_behind_closers(tail, anchor.tail) or is_rest_behind_closers(anchor.tail, tail)
end

---Start and end of an item's range as byte columns, or nil where it is not a stretch around the cursor.
---@param item lsp.InlineCompletionItem
---@param row integer
---@param col integer
---@param to_byte fun(position: lsp.Position): integer
---@return integer? start_col
---@return integer? end_col
local function stretch(item, row, col, to_byte)
  local range = item.range
  if not range or range == vim.NIL then
    return col, col
  end
  if range.start.line ~= row or range["end"].line ~= row then
    return nil
  end
  local start_col, end_col = to_byte(range.start), to_byte(range["end"])
  if start_col > col or end_col < col then
    return nil
  end
  return start_col, end_col
end

---@param item lsp.InlineCompletionItem
---@return string?
local function identity(item)
  local command = item.command
  if type(command) == "table" and type(command.arguments) == "table" then
    local id = command.arguments[1]
    return type(id) == "string" and id or nil
  end
end

---@param item lsp.InlineCompletionItem
---@return string?
local function text_of(item)
  local text = item.insertText
  if type(text) == "string" then
    return (text:gsub("\r\n?", "\n"))
  end
end

---What can be shown of an answer: items that start where the first one does and go on from the text there.
---@param answer lsp.InlineCompletionItem[]
---@param buf integer
---@param row integer Cursor row, 0-based
---@param col integer Cursor byte column
---@param to_byte fun(position: lsp.Position): integer
---@return turnout.Item[] items
---@return turnout.Anchor? anchor
function M.decode(answer, buf, row, col, to_byte)
  local line, items, anchor = line_at(buf, row), {}, nil
  for _, item in ipairs(answer) do
    local start_col, end_col = stretch(item, row, col, to_byte)
    local text = text_of(item)
    if start_col and text and vim.startswith(text, line:sub(start_col + 1, col)) then
      anchor = anchor or M.anchor(buf, row, col, start_col)
      if start_col == anchor.col then
        items[#items + 1] = { id = identity(item), text = text, replaced = line:sub(col + 1, end_col) }
      end
    end
  end
  return items, anchor
end

---The part of an item that is still to come, or nil where the text so far is not how it begins, or is all of it.
---@param item turnout.Item
---@param typed string
---@return string?
function M.remaining(item, typed)
  if #typed < #item.text and vim.startswith(item.text, typed) then
    return item.text:sub(#typed + 1)
  end
end

---The next word: blanks, then keyword characters as the buffer defines them, or one run of other signs.
---@param text string
---@return string
local function first_word(text)
  local blanks = text:match("^%s*")
  local rest = text:sub(#blanks + 1)
  local _, stop = vim.regex([[^\%(\k\+\|\%(\k\|\s\)\@!.\+\)]]):match_str(rest:match("^[^\n]*"))
  if not stop then
    return text
  end
  local word = rest:sub(1, stop)
  if not vim.regex([[^\k]]):match_str(word) then
    local _, signs = vim.regex([[^\%(\k\@!\S\)\+]]):match_str(word)
    word = word:sub(1, signs)
  end
  return blanks .. word
end

---The part of `text` that accepting a unit of it inserts.
---@param text string
---@param unit "full"|"word"|"line"
---@return string
function M.part(text, unit)
  if unit == "word" then
    return first_word(text)
  elseif unit == "line" then
    return text:match("^\n?[^\n]*")
  end
  return text
end

return M
