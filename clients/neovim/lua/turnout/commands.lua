---`:Turnout NAME [ARGUMENTS]`: one table holds what each does, how it is completed and its line of help.
local client = require("turnout.client")

local M = {}

local KINDS = { "inline", "popup", "fix", "rewrite", "refactor", "document", "test", "explain", "commit_message" }

---@class (exact) turnout.Command
---@field args string What follows the name, for the help file.
---@field help string
---@field run fun(args: string, opts: vim.api.keyset.create_user_command.command_args)
---@field complete? string[]

---@param lines string[]
local function show(lines)
  vim.lsp.util.open_floating_preview(lines, "markdown", { focus = false, border = "single", wrap = true })
end

---@return vim.lsp.Client? client
---@return lsp.TextDocumentPositionParams params Where the cursor is.
local function here()
  local server = client.require_one()
  local bufnr, cursor = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)
  local params = { textDocument = { uri = vim.uri_from_bufnr(bufnr) } }
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

---@param kind string
---@param result table
---@return string[]
local function describe_decision(kind, result)
  local chosen = result.chosen and result.chosen ~= vim.NIL and name_of(result.chosen) or "no model"
  local lines = { ("`%s` goes to **%s**"):format(kind, chosen) }
  for i, candidate in ipairs(result.candidates or {}) do
    lines[#lines + 1] = ("%d. %s"):format(i, name_of(candidate))
  end
  for _, passed in ipairs(result.eliminated or {}) do
    lines[#lines + 1] = ("- not %s: %s (%s)"):format(passed.model, passed.reason, passed.source)
  end
  return lines
end

---@param args string
local function explain(args)
  local kind = args ~= "" and args or "inline"
  local server, params = here()
  if server then
    params.kind = kind
    client.request(server, "turnout/explain", params, function(result)
      show(describe_decision(kind, result))
    end)
  end
end

---@param field "model"|"spentTodayUsd"
---@param format string
---@param otherwise string
local function report(field, format, otherwise)
  local status = require("turnout.status").get()
  if not status then
    client.require_one()
  else
    client.notify(status[field] and format:format(status[field]) or otherwise)
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
  local output = client.run_program(server.config.cmd, "trust", root)
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
  undo = {
    args = "",
    help = "Take back the last refactor, in all its files.",
    run = function()
      require("turnout.refactor").undo()
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
    args = "",
    help = "Name the model that answered last.",
    run = function()
      report("model", "the model is %s", "no model has answered yet")
    end,
  },
  spend = {
    args = "",
    help = "Say what today's requests have cost.",
    run = function()
      report("spentTodayUsd", "$%.4f spent today", "no cost is known")
    end,
  },
  pause = {
    args = "",
    help = "No suggestions until `:Turnout resume`.",
    run = function()
      require("turnout.ghost").pause(true)
    end,
  },
  resume = {
    args = "",
    help = "Suggestions again.",
    run = function()
      require("turnout.ghost").pause(false)
    end,
  },
  log = {
    args = "",
    help = "Open Neovim's log of its language servers, at its end.",
    run = function()
      vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log.get_filename()))
      vim.cmd("normal! G")
    end,
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
