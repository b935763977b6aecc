---Review of a refactor in a tab of its own: what would change on the left, the file before and after on the right.
---
---Nothing outside this tab changes until the user leaves it and says "apply".
local checked = require("turnout.checked")
local files = require("turnout.files")
local refactor = require("turnout.refactor")

local M = {}

local namespace = vim.api.nvim_create_namespace("turnout.preview")
local LIST_WIDTH = 44

---What a line of the list stands for.
---@class (exact) turnout.PreviewRow
---@field file? integer
---@field hunk? integer Nil for the file as a whole.
---@field check? turnout.Check

---@class (exact) turnout.Preview
---@field client vim.lsp.Client
---@field proposal turnout.Proposal
---@field accepted table<string, boolean> By hunk id.
---@field rows table<integer, turnout.PreviewRow> By line of the list, from 1.
---@field shown? integer The file in the diff.
---@field tab integer
---@field list { win: integer, buf: integer }
---@field before { win: integer, buf: integer }
---@field after { win: integer, buf: integer }

---@type turnout.Preview?
local current

---@param file turnout.FileChange
---@return string
local function title(file)
  local name = vim.fn.fnamemodify(vim.uri_to_fname(file.uri), ":~:.")
  if file.newUri and file.newUri ~= vim.NIL then
    name = name .. " -> " .. vim.fn.fnamemodify(vim.uri_to_fname(file.newUri), ":~:.")
  end
  return file.kind == "edit" and name or ("%s (%s)"):format(name, file.kind)
end

---@param hunk turnout.Hunk
---@return string
local function summary(hunk)
  local text = hunk.after:match("%S[^\n]*") or hunk.before:match("%S[^\n]*") or ""
  return ("%d: %s"):format(hunk.range.start.line + 1, text)
end

---@param view turnout.Preview
---@param file turnout.FileChange
---@return "x"|" "|"-" mark "-" where only some hunks are accepted.
local function file_mark(view, file)
  local count = vim.iter(file.hunks):fold(0, function(sum, hunk)
    return sum + (view.accepted[hunk.id] and 1 or 0)
  end)
  return count == #file.hunks and "x" or count == 0 and " " or "-"
end

---@class (exact) turnout.ListLine
---@field text string
---@field group? string
---@field row? turnout.PreviewRow

---@param view turnout.Preview
---@return turnout.ListLine[]
local function list_lines(view)
  local lines = { { text = "a accept  x reject  q leave", group = "TurnoutHint" } }
  local function add(text, group, row)
    lines[#lines + 1] = { text = text, group = group, row = row }
  end
  for _, line in ipairs(vim.split(vim.trim(view.proposal.plan or ""), "\n", { plain = true })) do
    add(line, "TurnoutTitle")
  end
  add(checked.describe(view.proposal.verdict))
  for i, file in ipairs(view.proposal.files) do
    add(("[%s] %s"):format(file_mark(view, file), title(file)), "TurnoutFile", { file = i })
    for j, hunk in ipairs(file.hunks) do
      local accepted = view.accepted[hunk.id]
      local group = accepted and "TurnoutAccepted" or "TurnoutRejected"
      add(("  [%s] %s"):format(accepted and "x" or " ", summary(hunk)), group, { file = i, hunk = j })
    end
  end
  for _, check in ipairs(view.proposal.checks) do
    local text, group = checked.describe_check(check)
    add(text, group, { check = check })
  end
  if view.proposal.complete == false then
    add("incomplete: a part of the model's answer could not be used", "TurnoutRejected")
  end
  for _, skipped in ipairs(view.proposal.skipped or {}) do
    add(("left out %s: %s"):format(skipped.path, skipped.reason), "TurnoutHint")
  end
  for _, conflict in ipairs(view.proposal.conflicts or {}) do
    add(("does not fit now: %s"):format(refactor.describe_conflict(conflict)), "TurnoutRejected")
  end
  add(checked.describe_receipt(view.proposal.receipt), "TurnoutHint")
  local edits = checked.describe_edits(view.proposal.receipt)
  if edits ~= "" then
    add(edits, "TurnoutHint")
  end
  return lines
end

---@param bufnr integer
---@param lines string[]
local function set_lines(bufnr, lines)
  vim.bo[bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  vim.bo[bufnr].modifiable = false
  vim.bo[bufnr].modified = false
end

---@param view turnout.Preview
local function draw_list(view)
  local lines = list_lines(view)
  set_lines(
    view.list.buf,
    vim.tbl_map(function(line)
      return line.text
    end, lines)
  )
  vim.api.nvim_buf_clear_namespace(view.list.buf, namespace, 0, -1)
  view.rows = {}
  for i, line in ipairs(lines) do
    view.rows[i] = line.row
    vim.api.nvim_buf_set_extmark(view.list.buf, namespace, i - 1, 0, { line_hl_group = line.group })
  end
end

---The text of a file with the accepted hunks in it.
---@param view turnout.Preview
---@param file turnout.FileChange
local function draw_after(view, file)
  set_lines(view.after.buf, file.kind == "create" and {} or files.lines(file.uri))
  local edits = {}
  for _, hunk in ipairs(file.hunks) do
    if view.accepted[hunk.id] then
      edits[#edits + 1] = { range = vim.deepcopy(hunk.range), newText = hunk.after }
    end
  end
  vim.bo[view.after.buf].modifiable = true
  vim.lsp.util.apply_text_edits(edits, view.after.buf, view.client.offset_encoding)
  vim.bo[view.after.buf].modifiable = false
  vim.bo[view.after.buf].modified = false
  vim.bo[view.after.buf].buflisted = false
end

---@param view turnout.Preview
---@param index integer
local function show_file(view, index)
  local file = view.proposal.files[index]
  if view.shown ~= index then
    view.shown = index
    set_lines(view.before.buf, file.kind == "create" and {} or files.lines(file.uri))
    local filetype = vim.filetype.match({ filename = vim.uri_to_fname(file.uri) }) or ""
    for _, pane in ipairs({ view.before, view.after }) do
      -- The syntax alone: a filetype would bring language servers and plugins to a buffer that is no file.
      vim.bo[pane.buf].syntax = filetype
    end
    vim.wo[view.before.win].winbar = "before: " .. title(file):gsub("%%", "%%%%")
    vim.wo[view.after.win].winbar = "after"
  end
  draw_after(view, file)
  vim.api.nvim_win_call(view.after.win, function()
    vim.cmd("silent! diffupdate")
  end)
end

---@param view turnout.Preview
---@return turnout.PreviewRow?
local function row_under_cursor(view)
  if vim.api.nvim_get_current_win() == view.list.win then
    return view.rows[vim.api.nvim_win_get_cursor(0)[1]]
  end
  -- In the diff, the hunk at or above the cursor.
  local line, best = vim.api.nvim_win_get_cursor(view.before.win)[1] - 1, nil
  for j, hunk in ipairs(view.proposal.files[view.shown].hunks) do
    if not best or hunk.range.start.line <= line then
      best = j
    end
  end
  return { file = view.shown, hunk = best }
end

---@param view turnout.Preview
---@param accept boolean
local function decide(view, accept)
  local row = row_under_cursor(view)
  if not row or not row.file then
    return
  end
  local file = view.proposal.files[row.file]
  local hunks = row.hunk and { file.hunks[row.hunk] } or file.hunks
  for _, hunk in ipairs(hunks) do
    view.accepted[hunk.id] = accept
  end
  draw_list(view)
  show_file(view, row.file)
  if vim.api.nvim_get_current_win() == view.list.win then
    local position = vim.api.nvim_win_get_cursor(0)
    local last = vim.api.nvim_buf_line_count(view.list.buf)
    vim.api.nvim_win_set_cursor(0, { math.min(position[1] + (row.hunk and 1 or 0), last), 0 })
  end
end

---@param view turnout.Preview
local function follow_cursor(view)
  local row = row_under_cursor(view)
  if not row or not row.file then
    return
  end
  show_file(view, row.file)
  local hunk = row.hunk and view.proposal.files[row.file].hunks[row.hunk]
  if hunk then
    local last = vim.api.nvim_buf_line_count(view.before.buf)
    vim.api.nvim_win_set_cursor(view.before.win, { math.min(hunk.range.start.line + 1, last), 0 })
  end
end

---@param view turnout.Preview
local function close(view)
  current = nil
  for _, pane in ipairs({ view.list, view.before, view.after }) do
    if vim.api.nvim_buf_is_valid(pane.buf) then
      vim.api.nvim_buf_delete(pane.buf, { force = true })
    end
  end
end

---@param view turnout.Preview
---@return string[]
local function accepted_ids(view)
  return vim.tbl_filter(function(id)
    return view.accepted[id]
  end, refactor.hunk_ids(view.proposal))
end

---Apply the accepted hunks of the open preview, and close it once that is done.
---@return boolean open False where no preview is open.
function M.apply()
  local view = current
  if not view then
    return false
  end
  local ids = accepted_ids(view)
  if #ids == 0 then
    return M.discard()
  end
  refactor.apply(view.client, view.proposal, ids, function(applied)
    -- What could not be applied stays open: the hunk that is in the way can be rejected.
    if applied and current == view then
      close(view)
    end
  end)
  return true
end

---Close the open preview without applying anything.
---@return boolean open
function M.discard()
  local view = current
  if not view then
    return false
  end
  close(view)
  refactor.discard(view.client, view.proposal)
  return true
end

---@param view turnout.Preview
local function leave(view)
  local chosen, all = #accepted_ids(view), #refactor.hunk_ids(view.proposal)
  if chosen == 0 then
    M.discard()
    return
  end
  local doubt = checked.doubt(view.proposal.verdict, chosen == all)
  local question = ("Apply %d of %d hunks?%s"):format(chosen, all, doubt)
  local answer = vim.fn.confirm(question, "&Apply\n&Discard\n&Back", 1, "Question")
  if answer == 1 then
    M.apply()
  elseif answer == 2 then
    M.discard()
  end
end

---@param name string
---@return integer
local function scratch(name)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.bo[bufnr].bufhidden = "wipe"
  vim.bo[bufnr].modifiable = false
  vim.api.nvim_buf_set_name(bufnr, ("turnout://%s/%d"):format(name, bufnr))
  return bufnr
end

---@param win integer
local function plain_window(win)
  vim.wo[win].number = false
  vim.wo[win].relativenumber = false
  vim.wo[win].signcolumn = "no"
  vim.wo[win].wrap = false
  vim.wo[win].cursorline = true
  vim.wo[win].winfixwidth = true
end

---The three windows, in a new tab, with the cursor in the list.
---@param view turnout.Preview
local function lay_out(view)
  vim.cmd.tabnew()
  local unused = vim.api.nvim_get_current_buf()
  view.tab = vim.api.nvim_get_current_tabpage()
  view.list = { win = vim.api.nvim_get_current_win(), buf = scratch("changes") }
  vim.api.nvim_win_set_buf(view.list.win, view.list.buf)
  vim.api.nvim_buf_delete(unused, { force = true })
  for _, side in ipairs({ "before", "after" }) do
    local buf = scratch(side)
    view[side] = { buf = buf, win = vim.api.nvim_open_win(buf, true, { split = "right" }) }
    vim.cmd.diffthis()
  end
  vim.api.nvim_set_current_win(view.list.win)
  plain_window(view.list.win)
  vim.api.nvim_win_set_width(view.list.win, math.min(LIST_WIDTH, math.floor(vim.o.columns / 3)))
  vim.cmd("wincmd =")
end

---@param view turnout.Preview
local function add_keys(view)
  for _, pane in ipairs({ view.list, view.before, view.after }) do
    local function map(key, action, desc)
      vim.keymap.set("n", key, function()
        action(view)
      end, { buffer = pane.buf, nowait = true, desc = "Turnout: " .. desc })
    end
    map("a", function()
      decide(view, true)
    end, "accept")
    map("x", function()
      decide(view, false)
    end, "reject")
    map("q", leave, "leave the preview")
  end
  vim.keymap.set("n", "<CR>", function()
    local row = row_under_cursor(view)
    if row and row.check then
      checked.show(row.check)
    else
      vim.api.nvim_set_current_win(view.after.win)
    end
  end, { buffer = view.list.buf, desc = "Turnout: go to the diff, or show what the check said" })
end

---@param view turnout.Preview
local function add_events(view)
  vim.api.nvim_create_autocmd("CursorMoved", {
    buffer = view.list.buf,
    callback = function()
      follow_cursor(view)
    end,
  })
  for _, pane in ipairs({ view.list, view.before, view.after }) do
    vim.api.nvim_create_autocmd("BufWipeout", {
      buffer = pane.buf,
      once = true,
      callback = function()
        -- Closed by other means than our keys: nothing is applied.
        if current == view then
          vim.schedule(M.discard)
        end
      end,
    })
  end
end

---Show a proposal for review; every hunk starts accepted.
---@param client vim.lsp.Client
---@param proposal turnout.Proposal
function M.open(client, proposal)
  if current and current.proposal.proposalId == proposal.proposalId then
    close(current)
  end
  M.discard()
  require("turnout.highlights").define()
  ---@diagnostic disable-next-line: missing-fields
  local view = { client = client, proposal = proposal, accepted = {}, rows = {} } ---@type turnout.Preview
  for _, id in ipairs(refactor.hunk_ids(proposal)) do
    view.accepted[id] = true
  end
  lay_out(view)
  current = view
  add_keys(view)
  draw_list(view)
  add_events(view)
  show_file(view, 1)
  local first = math.min(unpack(vim.tbl_keys(view.rows)))
  vim.api.nvim_win_set_cursor(view.list.win, { first, 0 })
end

return M
