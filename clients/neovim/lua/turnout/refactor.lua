---The multi-file refactor: ask for it, after a plan where one is wanted, show progress, hand the proposal to the
---preview, apply and report.
local client = require("turnout.client")
local progress = require("turnout.progress")

local M = {}

---@class (exact) turnout.RefactorOptions
---@field range? { [1]: integer, [2]: integer } First and last line, from 1; the whole file where it is nil.
---@field scope? string[] Files that may be changed; the server decides where it is nil.

---@class (exact) turnout.Hunk
---@field id string
---@field before string
---@field after string
---@field range lsp.Range

---@class (exact) turnout.FileChange
---@field uri string
---@field kind "edit"|"create"|"delete"|"rename"
---@field newUri? string
---@field version? integer
---@field diff string
---@field hunks turnout.Hunk[]

---@class (exact) turnout.Check
---@field name string
---@field ok boolean
---@field ran boolean False where it could not be run, and says nothing about the change.
---@field message string

---@class (exact) turnout.Verdict
---@field state "verified"|"partly"|"failed"
---@field text string Names the checks.

---@class (exact) turnout.Conflict
---@field uri string Empty where it is about no one file.
---@field message string
---@field hunk? string
---@field line? integer

---@class (exact) turnout.Proposal
---@field proposalId string
---@field plan string
---@field complete? boolean False where a part of the model's answer could not be used.
---@field files turnout.FileChange[]
---@field checks turnout.Check[]
---@field verdict turnout.Verdict Of all changes together.
---@field skipped? { path: string, reason: string }[] Files that were left out.
---@field conflicts? turnout.Conflict[] Why other hunks of it do not fit the files as they are now.
---@field receipt table

---@param server vim.lsp.Client
---@param bufnr integer
---@param range { [1]: integer, [2]: integer }
---@return lsp.Range
local function line_range(server, bufnr, range)
  local last = vim.api.nvim_buf_get_lines(bufnr, range[2] - 1, range[2], false)[1] or ""
  return {
    start = { line = range[1] - 1, character = 0 },
    ["end"] = client.position(server, bufnr, range[2] - 1, #last),
  }
end

---@param server vim.lsp.Client
---@param instruction string
---@param opts turnout.RefactorOptions
---@return table
local function parameters(server, instruction, opts)
  local bufnr = vim.api.nvim_get_current_buf()
  local params = { instruction = instruction }
  if vim.lsp.buf_is_attached(bufnr, server.id) then
    params.textDocument = { uri = vim.uri_from_bufnr(bufnr) }
    params.range = opts.range and line_range(server, bufnr, opts.range) or nil
  end
  if opts.scope then
    params.scope = vim.tbl_map(vim.uri_from_fname, vim.tbl_map(vim.fs.abspath, opts.scope))
  end
  return params
end

---@param proposal turnout.Proposal
---@return string[]
function M.hunk_ids(proposal)
  local ids = {}
  for _, file in ipairs(proposal.files) do
    for _, hunk in ipairs(file.hunks) do
      ids[#ids + 1] = hunk.id
    end
  end
  return ids
end

local VERDICT_LEVELS = { partly = vim.log.levels.WARN, failed = vim.log.levels.ERROR }

---@param server vim.lsp.Client
---@param proposal turnout.Proposal
local function receive(server, proposal)
  if #proposal.files == 0 then
    client.notify("nothing to change. " .. (proposal.plan or ""))
  elseif require("turnout.config").get().refactor.preview then
    require("turnout.preview").open(server, proposal)
  else
    M.apply(server, proposal, M.hunk_ids(proposal), function(applied)
      if applied then
        client.notify(proposal.verdict.text, VERDICT_LEVELS[proposal.verdict.state])
      end
    end)
  end
end

---Say beside the progress which model works, as soon as the server has decided it.
---@param server vim.lsp.Client
---@param params table
---@param token string
local function show_route(server, params, token)
  local query = { kind = "refactor", textDocument = params.textDocument }
  client.request(server, "turnout/explain", query, function(route)
    if type(route) == "table" and type(route.chosen) == "string" then
      progress.name_model(token, route.chosen)
    end
  end, function() end) -- the refactor itself says what is wrong
end

---Send a request that takes a while, with its progress on the message line until the answer is there.
---@param server vim.lsp.Client
---@param method string
---@param params table
---@param what string What the user is told is being worked on.
---@param on_answer fun(result: any)
function M.work(server, method, params, what, on_answer)
  local token = progress.new_token()
  local with_token = vim.tbl_extend("force", params, { workDoneToken = token })
  local id = client.request(server, method, with_token, function(result)
    progress.stop(token)
    on_answer(result)
  end, function(err)
    progress.stop(token)
    client.notify(client.describe_error(err), vim.log.levels.ERROR)
  end)
  progress.follow(token, what, id and { client = server, id = id } or nil)
  if id then
    show_route(server, params, token)
  end
end

---@param server vim.lsp.Client
---@param instruction string
---@param opts turnout.RefactorOptions
local function ask(server, instruction, opts)
  local params = parameters(server, instruction, opts)
  local function go_on(references)
    params.references = references
    require("turnout.plan").decide(server, params, function(plan_id)
      params.plan = plan_id and { id = plan_id } or nil
      M.work(server, "turnout/refactor", params, "refactor", function(proposal)
        receive(server, proposal)
      end)
    end)
  end
  if params.textDocument then
    require("turnout.references").gather(server, go_on)
  else
    go_on()
  end
end

---Refactor as `instruction` says; asks for the instruction where it is nil or empty.
---@param instruction? string
---@param opts? turnout.RefactorOptions
function M.start(instruction, opts)
  local server = client.require_one()
  if not server then
    return
  end
  if progress.busy() then
    client.notify("something is being worked on; :Turnout cancel stops it", vim.log.levels.WARN)
    return
  end
  if instruction and instruction ~= "" then
    ask(server, instruction, opts or {})
    return
  end
  vim.ui.input({ prompt = "Refactor: " }, function(answer)
    if answer and answer ~= "" then
      ask(server, answer, opts or {})
    end
  end)
end

---@param uri string
---@return string
local function short_name(uri)
  return vim.fn.fnamemodify(vim.uri_to_fname(uri), ":~:.")
end

---@param conflict turnout.Conflict
---@return string
function M.describe_conflict(conflict)
  return (conflict.uri ~= "" and short_name(conflict.uri) .. ": " or "") .. conflict.message
end

---@param conflicts turnout.Conflict[]
---@return string
local function describe_conflicts(conflicts)
  local lines = vim.tbl_map(M.describe_conflict, conflicts)
  return #lines > 0 and ": " .. table.concat(lines, "; ") or ""
end

---Files of which a hunk is among `ids`.
---@param proposal turnout.Proposal
---@param ids string[]
---@return string[] uris
local function touched(proposal, ids)
  local uris = {}
  for _, file in ipairs(proposal.files) do
    local hit = vim.iter(file.hunks):any(function(hunk)
      return vim.list_contains(ids, hunk.id)
    end)
    if hit then
      uris[#uris + 1] = file.newUri or file.uri
    end
  end
  return uris
end

---@param uris string[]
local function save(uris)
  for _, uri in ipairs(uris) do
    local bufnr = require("turnout.files").loaded_buffer(uri)
    if bufnr and vim.bo[bufnr].modified then
      vim.api.nvim_buf_call(bufnr, function()
        vim.cmd.write()
      end)
    end
  end
end

---Apply the hunks of a proposal and say what was done.
---@param server vim.lsp.Client
---@param proposal turnout.Proposal
---@param ids string[]
---@param on_done? fun(applied: boolean)
function M.apply(server, proposal, ids, on_done)
  on_done = on_done or function() end
  local params = { proposalId = proposal.proposalId, hunks = ids }
  client.request(server, "turnout/apply", params, function(result)
    if not result.applied then
      client.notify("nothing was applied" .. describe_conflicts(result.conflicts), vim.log.levels.WARN)
      on_done(false)
      return
    end
    local uris = touched(proposal, ids)
    local saved = require("turnout.config").get().refactor.save
    if saved then
      save(uris)
    end
    local names = table.concat(vim.tbl_map(short_name, uris), ", ")
    local what = ("applied %d of %d hunks in %s"):format(#ids, #M.hunk_ids(proposal), names)
    what = what .. (saved and " and saved them" or ", not saved") .. "; :Turnout undo takes them back"
    local is_all = not result.left or #result.left == 0
    client.notify(what .. (is_all and "" or ", :Turnout review shows the others"))
    on_done(true)
  end, function(err)
    client.notify(client.describe_error(err), vim.log.levels.ERROR)
    on_done(false)
  end)
end

---Review what can still be applied of the last proposal, also of one from before a restart.
function M.review()
  local server = client.require_one()
  if not server then
    return
  end
  client.request(server, "turnout/proposal", vim.empty_dict(), function(proposal)
    if type(proposal) ~= "table" then
      client.notify("there is no refactor that could be applied")
    elseif #proposal.files == 0 then
      client.notify("nothing of it fits the files as they are" .. describe_conflicts(proposal.conflicts))
    else
      require("turnout.preview").open(server, proposal)
    end
  end)
end

---Tell the server that a proposal will not be applied.
---@param server vim.lsp.Client
---@param proposal turnout.Proposal
function M.discard(server, proposal)
  client.request(server, "turnout/discard", { proposalId = proposal.proposalId }, function() end)
end

---Take back the last refactor that was applied.
function M.undo()
  local server = client.require_one()
  if not server then
    return
  end
  client.request(server, "turnout/undo", vim.empty_dict(), function(result)
    if result.undone then
      client.notify("the refactor was taken back")
    else
      client.notify("nothing was undone" .. describe_conflicts(result.conflicts), vim.log.levels.WARN)
    end
  end)
end

return M
