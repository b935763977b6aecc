---Ghost text: when to ask for it, when to keep it, and what happens when it is taken.
---
---At most one suggestion exists at a time, and it stays for as long as the user types what it says.
local client = require("turnout.client")
local config = require("turnout.config")
local cursor = require("turnout.cursor")
local menu = require("turnout.menu")
local render = require("turnout.render")
local request = require("turnout.request")
local suggestion = require("turnout.suggestion")

local M = {}

---@class (exact) turnout.Shown
---@field client vim.lsp.Client
---@field anchor turnout.Anchor
---@field items turnout.Item[]
---@field index integer
---@field seen table<string, true> Ids the server was told are on screen.
---@field taken boolean Whether part of it was accepted.
---@field invoked boolean Whether all alternatives were asked for.

---@type turnout.Shown?
local shown
local is_paused, started = false, false
---Buffer, change and cursor that were last dealt with: one key fires several events.
local last_place = ""
---Whether an item of a menu was selected when last looked.
local was_selected = false
---@type table<integer, true> Clients that were taken out of Neovim's own inline completion.
local silenced = {}

---@param buf integer
---@return boolean
local function enabled(buf)
  local ghost = config.get().ghost
  return ghost.enabled
    and not is_paused
    and vim.b[buf].turnout ~= false
    and not vim.list_contains(ghost.disabled_filetypes, vim.bo[buf].filetype)
end

---The part of the current suggestion still to come, with the text typed so far; nil where it no longer fits.
---
---Moves on to another alternative where the user typed what that one says.
---@return string? remaining
---@return string? typed
local function remaining()
  if not shown or vim.api.nvim_get_current_buf() ~= shown.anchor.buf then
    return nil
  end
  local typed = suggestion.typed(shown.anchor, cursor.position())
  if not typed then
    return nil
  end
  for step = 0, #shown.items - 1 do
    local index = (shown.index - 1 + step) % #shown.items + 1
    local text = suggestion.remaining(shown.items[index], typed)
    if text then
      shown.index = index
      return text, typed
    end
  end
end

---@param method string
---@param item turnout.Item
---@param details? table
local function tell(method, item, details)
  if shown and item.id and not shown.client:is_stopped() then
    local params = vim.tbl_extend("force", { id = item.id }, details or {})
    ---@diagnostic disable-next-line: param-type-mismatch
    shown.client:notify(method, params)
  end
end

---Take the suggestion off the screen; `rejected` where the user turned it down.
---@param rejected boolean
local function drop(rejected)
  if not shown then
    return
  end
  local item = shown.items[shown.index]
  render.clear(shown.anchor.buf)
  if rejected and not shown.taken and item.id and shown.seen[item.id] then
    tell("turnout/didReject", item)
  end
  shown = nil
end

---Draw what is left of the suggestion; false where it no longer fits the text.
---@return boolean fits
local function refresh()
  local text = remaining()
  if not shown or not text then
    return false
  end
  if not cursor.showable() then
    render.clear(shown.anchor.buf)
    return true
  end
  local item = shown.items[shown.index]
  local row, col = cursor.position()
  local rest = shown.anchor.tail:sub(#item.replaced + 1)
  render.draw({ row = row, col = col, text = text, replaced = item.replaced, rest = rest })
  if item.id and not shown.seen[item.id] then
    shown.seen[item.id] = true
    tell("turnout/didShow", item)
  end
  return true
end

---@param server vim.lsp.Client
---@param items turnout.Item[]
---@param anchor turnout.Anchor
---@param invoked boolean
local function show(server, items, anchor, invoked)
  drop(false)
  shown = {
    client = server,
    anchor = anchor,
    items = items,
    index = 1,
    seen = {},
    taken = false,
    invoked = invoked,
  }
  if not refresh() then
    shown = nil
  end
end

---@return boolean asked
local function ask_for_all()
  return request.send(request.INVOKED, function(server, items, anchor)
    show(server, items, anchor, true)
  end)
end

local function ask()
  request.send_soon(config.get().ghost.debounce_ms, function(server, items, anchor)
    show(server, items, anchor, false)
  end)
end

---Deal with whatever happened to the text or the cursor.
local function update()
  if not cursor.inserting() then
    return
  end
  local buf = vim.api.nvim_get_current_buf()
  local row, col = cursor.position()
  local place = ("%d %d %d %d"):format(buf, vim.b[buf].changedtick, row, col)
  if place == last_place then
    refresh()
    return
  end
  last_place = place
  if refresh() then
    return
  end
  -- Typing a suggestion to its end is no rejection of it, nor is what a plugin closes while one types it.
  local item = shown and shown.items[shown.index]
  drop(not (item and shown and suggestion.is_typed(item, shown.anchor, row, col)))
  if not cursor.showable() then
    -- Ask as soon as it can be shown, though the text stays the same: when a menu closes, for one.
    last_place = ""
    request.cancel()
  elseif enabled(buf) and config.get().ghost.auto then
    ask()
  else
    request.cancel()
  end
end

---Notice that an item of a menu was selected or no longer is: the menus of plugins tell nobody.
local function watch_menu()
  local selected = cursor.inserting() and menu.selected()
  if selected ~= was_selected then
    was_selected = selected
    update()
  end
end

local function leave()
  request.cancel()
  drop(true)
  last_place = ""
end

---Whether a suggestion is on screen and fits the text as it is now.
---@return boolean
function M.visible()
  return remaining() ~= nil and cursor.showable()
end

---Insert `text` at the cursor in place of `replaced` bytes, as an undo step of its own.
---@param text string
---@param replaced integer
local function insert(text, replaced)
  local row, col = cursor.position()
  local lines = vim.split(text, "\n", { plain = true })
  vim.cmd("let &g:undolevels = &g:undolevels")
  vim.api.nvim_buf_set_text(0, row, col, row, col + replaced, lines)
  local last = #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { row + #lines, #lines == 1 and col + last or last })
end

---Insert the suggestion, its next word or its line; false where there is none, or where it does not fit.
---@param unit "full"|"word"|"line"
---@return boolean accepted
function M.accept(unit)
  local text, typed = remaining()
  if not shown or not text or not typed or not cursor.showable() then
    return false
  end
  local item = shown.items[shown.index]
  local piece = suggestion.part(text, unit)
  local whole = #piece == #text
  if not whole then
    -- The part that is accepted must not be taken for a rejection of the rest.
    shown.taken = true
  end
  insert(piece, whole and #item.replaced or 0)
  local length = vim.str_utfindex(typed .. piece, "utf-16")
  tell("turnout/didAccept", item, { accepted = whole and "full" or unit, length = length })
  if whole then
    drop(false)
  else
    refresh()
  end
  return true
end

---Take the suggestion off the screen, and tell the server.
---@return boolean dismissed
function M.dismiss()
  request.cancel()
  local visible = M.visible()
  drop(true)
  return visible
end

---Ask for a suggestion now.
---@return boolean asked
function M.trigger()
  M.start()
  drop(false)
  return ask_for_all()
end

---Show the next or previous alternative; asks for more where only the automatic one is known.
---@param step 1|-1
---@return boolean
function M.cycle(step)
  if not shown or not M.visible() then
    return false
  end
  if not shown.invoked and #shown.items == 1 then
    return ask_for_all()
  end
  shown.index = (shown.index - 1 + step) % #shown.items + 1
  return refresh()
end

---@param paused boolean
function M.pause(paused)
  is_paused = paused
  if paused then
    leave()
  end
  require("turnout.client").notify(paused and "paused" or "suggestions are on")
  vim.cmd.redrawstatus()
end

---@return boolean
function M.paused()
  return is_paused
end

---On 0.12, take our server out of Neovim's own inline completion, which would draw everything twice.
---@param client_id integer
local function silence_native(client_id)
  if vim.lsp.inline_completion and not silenced[client_id] then
    silenced[client_id] = true
    vim.lsp.inline_completion.enable(false, { client_id = client_id })
  end
end

---@param buf integer
local function enter(buf)
  local server = client.get(buf)
  if server then
    silence_native(server.id)
    require("turnout.keymaps").attach()
    update()
  else
    client.attach(buf)
  end
end

---Watch the text from now on. Later calls do nothing.
function M.start()
  if started then
    return
  end
  started = true
  require("turnout.highlights").define()
  local group = vim.api.nvim_create_augroup("turnout.ghost", { clear = true })
  local function on(events, pattern, callback)
    vim.api.nvim_create_autocmd(events, { group = group, pattern = pattern, callback = callback })
  end
  on({ "TextChangedI", "TextChangedP", "CursorMovedI" }, "*", update)
  on({ "CompleteChanged", "CompleteDone" }, "*", vim.schedule_wrap(update))
  on("SafeState", "*", watch_menu)
  -- Not InsertLeave: CTRL-C ends insert mode without it, and CTRL-O leaves it for one command.
  on("ModeChanged", "i*:[^i]*", leave)
  on("ModeChanged", "[^i]*:i*", function(args)
    enter(args.buf)
  end)
  on({ "BufLeave", "WinLeave" }, "*", leave)
  on("LspAttach", "*", function(args)
    if cursor.inserting() and args.buf == vim.api.nvim_get_current_buf() then
      enter(args.buf)
    end
  end)
  on("LspDetach", "*", function(args)
    if shown and shown.client.id == args.data.client_id then
      drop(false)
    end
    request.forget(args.data.client_id)
  end)
  if cursor.inserting() then
    enter(vim.api.nvim_get_current_buf())
  end
end

return M
