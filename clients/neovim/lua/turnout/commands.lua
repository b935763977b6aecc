---`:Turnout NAME [ARGUMENTS]`: one table holds what each does, how it is completed and its line of help.
local client = require("turnout.client")

local M = {}

local KINDS = { "inline", "popup", "fix", "rewrite", "refactor", "document", "test", "explain", "commit_message" }

local LOGS = { "server", "worker", "neovim" }
local RECEIPTS_SHOWN = 10

---@class (exact) turnout.Command
---@field args string What follows the name, for the help file.
---@field help string
---@field run fun(args: string, opts: vim.api.keyset.create_user_command.command_args)
---@field complete? string[]

---@param lines string[]
local function show(lines)
  vim.lsp.util.open_floating_preview(lines, "markdown", { focus = false, border = "single", wrap = true })
end

---@param kind? string Of request, where one is asked about.
---@return vim.lsp.Client? client
---@return { textDocument: lsp.TextDocumentIdentifier, position?: lsp.Position, kind?: string } params
local function here(kind)
  local server = client.require_one()
  local bufnr, cursor = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)
  local params = { textDocument = { uri = vim.uri_from_bufnr(bufnr) }, kind = kind }
  if server then
    params.position = client.position(server, bufnr, cursor[1] - 1, cursor[2])
  end
  return server, params
end

local function why()
  local server, params = here()
  if server then
    client.request(server, "turnout/why", params, function(result)
      client.notify(result and result.reason or "no reason is known")
    end)
  end
end

---A model of a decision, which is a name or a table with one.
---@param candidate any
---@return string
local function name_of(candidate)
  return type(candidate) == "table" and (candidate.name or candidate.model) or tostring(candidate)
end

---@param decision table
---@return string
local function chosen_of(decision)
  local chosen = decision.chosen
  return chosen and chosen ~= vim.NIL and name_of(chosen) or "no model"
end

---@param kind string
---@param result table
---@return string[]
local function describe_decision(kind, result)
  local lines = { ("`%s` goes to **%s**"):format(kind, chosen_of(result)) }
  if type(result.tier) == "string" then
    lines[#lines + 1] = ("Taken to be %s: %s"):format(result.tier, result.tierReason)
  end
  if result.strategy and result.strategy ~= "order" then
    lines[#lines + 1] = ("Ordered by `%s`"):format(result.strategy)
  end
  local notes = {}
  for _, placed in ipairs(result.notes or {}) do
    notes[placed.model] = ": " .. placed.note
  end
  for i, candidate in ipairs(result.candidates or {}) do
    local name = name_of(candidate)
    lines[#lines + 1] = ("%d. %s%s"):format(i, name, notes[name] or "")
  end
  for _, passed in ipairs(result.eliminated or {}) do
    lines[#lines + 1] = ("- not %s: %s (%s)"):format(passed.model, passed.reason, passed.source)
  end
  for _, row in ipairs(result.budget or {}) do
    lines[#lines + 1] = ("Spent $%.2f of $%.2f %s (%s)"):format(row.spentUsd, row.limitUsd, row.limit, row.source)
  end
  return lines
end

---@param args string
local function explain(args)
  local kind = args ~= "" and args or "inline"
  local server, params = here(kind)
  if server then
    client.request(server, "turnout/explain", params, function(result)
      show(describe_decision(kind, result))
    end)
  end
end

---@param args string
local function model(args)
  local kind = args ~= "" and args or "inline"
  local server, params = here(kind)
  if server then
    client.request(server, "turnout/explain", params, function(result)
      client.notify(("%s goes to %s"):format(kind, chosen_of(result)))
    end)
  end
end

---@param value any
---@return string
local function money(value)
  return type(value) == "number" and ("$%.4f"):format(value) or "unknown"
end

---@param receipts table[]
---@return string[]
local function describe_spending(receipts)
  local status = require("turnout.status").get(vim.api.nvim_get_current_buf())
  local lines = { ("Spent today: %s"):format(money(status and status.spentTodayUsd)) }
  for _, receipt in ipairs(receipts) do
    local where = receipt.leavesMachine and "left this machine" or "stayed here"
    local line = ("- %s by %s: %s, %s"):format(receipt.kind, receipt.model, money(receipt.costUsd), where)
    local edits = require("turnout.checked").describe_edits(receipt)
    lines[#lines + 1] = edits == "" and line or line .. ", " .. edits
  end
  return lines
end

---@param args string
local function spend(args)
  local server = client.require_one()
  if server then
    local params = { count = math.max(1, math.floor(tonumber(args) or RECEIPTS_SHOWN)) }
    client.request(server, "turnout/receipts", params, function(result)
      show(describe_spending(result and result.receipts or {}))
    end)
  end
end

---@param args string
---@param range? { [1]: integer, [2]: integer }
local function outgoing(args, range)
  local kind, instruction = args:match("^(%S*)%s*(.-)$")
  require("turnout.outgoing").show(kind ~= "" and kind or "inline", instruction, range)
end

---@param args string
---@param paused boolean
local function pause(args, paused)
  if args == "buffer" then
    vim.b.turnout = not paused
    client.notify(paused and "paused in this buffer" or "suggestions are on in this buffer")
    return
  end
  require("turnout.ghost").pause(paused)
end

---@param args string
local function log(args)
  local which = args ~= "" and args or "server"
  local path = client.log_path(which)
  if path and vim.uv.fs_stat(path) then
    vim.cmd.tabedit(vim.fn.fnameescape(path))
    vim.cmd("normal! G")
  elseif path then
    client.notify(("%s is empty: nothing was logged yet"):format(path))
  else
    client.notify(("the %s's log is not known before it has run; try :Turnout log neovim"):format(which))
  end
end

local function trust()
  local server = client.require_one()
  if not server then
    return
  end
  local root = server.root_dir or vim.fn.getcwd()
  local question = ("Trust %s? Its settings may then name endpoints, commands and models."):format(root)
  if vim.fn.confirm(question, "&Trust\n&Cancel", 2, "Question") ~= 1 then
    return
  end
  vim.cmd.redraw() -- or the answer would scroll the question up and wait for a key
  local cmd = server.config.cmd
  local output = type(cmd) == "table" and client.run_program(cmd, "trust", root)
  if output then
    client.notify(output)
    client.restart()
  else
    client.notify("`turnout trust` failed; run it in a terminal to see why", vim.log.levels.ERROR)
  end
end

---@type table<string, turnout.Command>
M.commands = {
  refactor = {
    args = "[instruction]",
    help = "Change files as the instruction says, after a review. With a range, the change is about those lines.",
    run = function(args, opts)
      local range = opts.range > 0 and { opts.line1, opts.line2 } or nil
      require("turnout.refactor").start(args, { range = range })
    end,
  },
  fix = {
    args = "",
    help = "Mend all problems that diagnostics name in this buffer, in one go.",
    run = function()
      require("turnout.actions").fix_file()
    end,
  },
  cancel = {
    args = "",
    help = "Stop the refactor or code action that is being worked on.",
    run = function()
      local cancelled = require("turnout.progress").cancel()
      client.notify(#cancelled > 0 and table.concat(cancelled, ", ") .. " cancelled" or "nothing is being worked on")
    end,
  },
  apply = {
    args = "",
    help = "Apply what is accepted in the open preview.",
    run = function()
      if not require("turnout.preview").apply() then
        client.notify("no preview is open")
      end
    end,
  },
  discard = {
    args = "",
    help = "Close the open preview and apply nothing.",
    run = function()
      if not require("turnout.preview").discard() then
        client.notify("no preview is open")
      end
    end,
  },
  review = {
    args = "",
    help = "Review what can still be applied of the last refactor: hunks that were left out, or all of it.",
    run = function()
      require("turnout.refactor").review()
    end,
  },
  undo = {
    args = "",
    help = "Take back the last refactor, in all its files.",
    run = function()
      require("turnout.refactor").undo()
    end,
  },
  commit = {
    args = "",
    help = "Write a message for what is staged: into a commit's buffer, else into the unnamed register, and show it.",
    run = function()
      require("turnout.commit").write()
    end,
  },
  status = {
    args = "",
    help = "Show the server, its model, its last answer and today's cost.",
    run = function()
      show(require("turnout.status").describe())
    end,
  },
  why = {
    args = "",
    help = "Say why there is no suggestion at the cursor.",
    run = why,
  },
  explain = {
    args = "[kind]",
    help = "Show which model a kind of request goes to, and why not to the others.",
    complete = KINDS,
    run = explain,
  },
  model = {
    args = "[kind]",
    help = "Name the model that a kind of request goes to, `inline` where none is given.",
    complete = KINDS,
    run = model,
  },
  spend = {
    args = "[count]",
    help = "Say what today's requests have cost, and list the last ones: model, cost, whether text left the machine.",
    run = spend,
  },
  outgoing = {
    args = "[kind] [instruction]",
    help = "Open what a request from here would send, `inline` where no kind is given: nothing is sent. "
      .. "With a range, it is about those lines.",
    complete = KINDS,
    run = function(args, opts)
      outgoing(args, opts.range > 0 and { opts.line1, opts.line2 } or nil)
    end,
  },
  sent = {
    args = "[count]",
    help = "Open the prompts that were sent last, with every retry and fallback.",
    run = function(args)
      require("turnout.outgoing").sent(tonumber(args))
    end,
  },
  pause = {
    args = "[buffer]",
    help = "No suggestions until `:Turnout resume`, everywhere or in this buffer.",
    complete = { "buffer" },
    run = function(args)
      pause(args, true)
    end,
  },
  resume = {
    args = "[buffer]",
    help = "Suggestions again.",
    complete = { "buffer" },
    run = function(args)
      pause(args, false)
    end,
  },
  log = {
    args = "[name]",
    help = "Open a log at its end: of the `server` where no other is named, of the model process (`worker`), "
      .. "or of Neovim's language clients (`neovim`).",
    complete = LOGS,
    run = log,
  },
  messages = {
    args = "",
    help = "Show what Turnout has said, also where it did not fit the message line.",
    run = function()
      show(require("turnout.messages").all())
    end,
  },
  restart = {
    args = "",
    help = "Stop the server and start it again.",
    run = function()
      client.restart()
    end,
  },
  trust = {
    args = "",
    help = "Let this workspace's settings name endpoints and commands.",
    run = trust,
  },
}

---@param lead string
---@param candidates string[]
---@return string[]
local function matching(lead, candidates)
  return vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, lead)
  end, candidates)
end

---@param lead string
---@param line string The command line so far.
---@return string[]
function M.complete(lead, line)
  local name = line:match("Turnout%s+(%S+)%s")
  if not name then
    local names = vim.tbl_keys(M.commands)
    table.sort(names)
    return matching(lead, names)
  end
  local command = M.commands[name]
  return command and command.complete and matching(lead, command.complete) or {}
end

---@param opts vim.api.keyset.create_user_command.command_args
function M.run(opts)
  local name, args = opts.args:match("^(%S*)%s*(.-)%s*$")
  local command = M.commands[name == "" and "status" or name]
  if not command then
    client.notify(("there is no command %s; try :Turnout <Tab>"):format(name), vim.log.levels.ERROR)
    return
  end
  command.run(args, opts)
end

return M
