---The plan of a refactor in a floating window: what would change where and what that takes, to approve or correct.
---
---Nothing is changed here, and a window that is closed in whatever way is a "no".
local client = require("turnout.client")
local progress = require("turnout.progress")
local refactor = require("turnout.refactor")

local M = {}

local namespace = vim.api.nvim_create_namespace("turnout.plan")
local MAX_WIDTH = 100

---@class (exact) turnout.PlanStep
---@field kind "edit"|"create"|"delete"|"rename"
---@field path string
---@field newPath? string
---@field change string

---@class (exact) turnout.Plan
---@field id string
---@field summary string
---@field steps turnout.PlanStep[]
---@field dropped? { path: string, reason: string }[] Steps that may not be done.
---@field skipped? { path: string, reason: string }[] Files that were left out.
---@field problem? string Why there is no usable plan; empty where there is one.
---@field estimate table

---@class (exact) turnout.PlanView
---@field client vim.lsp.Client
---@field plan turnout.Plan
---@field on_approved fun(plan_id?: string)
---@field win integer
---@field buf integer

---@type turnout.PlanView?
local current

---@param plan turnout.Plan
---@return boolean
local function usable(plan)
  return (plan.problem or "") == "" and #plan.steps > 0
end

---Both ends of a range, or one where they read alike or the other is not known.
---@param format string
---@param few number
---@param many any
---@return string
local function range(format, few, many)
  local least = format:format(few)
  local most = type(many) == "number" and format:format(many) or least
  return least == most and least or least .. " to " .. most
end

---What it costs, in words.
---@param few any
---@param many any
---@return string
local function price(few, many)
  if type(few) ~= "number" then
    return "price unknown"
  end
  local free = few == 0 and (type(many) ~= "number" or many == 0)
  return free and "free" or "about " .. range("$%.4f", few, many)
end

---@param estimate table
---@return string
local function describe_estimate(estimate)
  if type(estimate.model) ~= "string" then
    return "no model may be asked: " .. (estimate.whyNone or "")
  end
  local parts = { estimate.model, estimate.leavesMachine and "leaves this machine" or "stays on this machine" }
  local most = type(estimate.most) == "table" and estimate.most or {}
  local tokens_in = range("%d", estimate.tokensIn, most.tokensIn)
  local tokens_out = range("%d", estimate.tokensOut, most.tokensOut)
  parts[#parts + 1] = ("about %s tokens in and %s out"):format(tokens_in, tokens_out)
  parts[#parts + 1] = price(estimate.costUsd, most.costUsd)
  if type(estimate.seconds) == "number" then
    parts[#parts + 1] = ("about %s s"):format(range("%.0f", math.max(estimate.seconds, 1), most.seconds))
  end
  if most.turns then
    parts[#parts + 1] = ("in %s turns"):format(range("%d", estimate.turns, most.turns))
  elseif (estimate.rounds or 1) > 1 then
    parts[#parts + 1] = ("in %d rounds"):format(estimate.rounds)
  end
  return table.concat(parts, ", ")
end

---@param step turnout.PlanStep
---@return string
local function describe_step(step)
  local paths = type(step.newPath) == "string" and ("%s -> %s"):format(step.path, step.newPath) or step.path
  return ("%-6s  %s%s"):format(step.kind, paths, step.change ~= "" and ": " .. step.change or "")
end

---@param plan turnout.Plan
---@return { [1]: string, [2]: string? }[] lines Text and highlight group.
local function describe(plan)
  local lines = {} ---@type { [1]: string, [2]: string? }[]
  local function add(text, group)
    lines[#lines + 1] = { (text:gsub("[\r\n\t]", " ")), group }
  end
  if not usable(plan) then
    add("No usable plan: " .. (plan.problem or ""), "TurnoutRejected")
  elseif plan.summary ~= "" then
    add(plan.summary, "TurnoutTitle")
  end
  for _, step in ipairs(plan.steps) do
    add(describe_step(step), "TurnoutFile")
  end
  for _, out in ipairs(plan.dropped or {}) do
    add(("may not be done: %s: %s"):format(out.path, out.reason), "TurnoutRejected")
  end
  for _, out in ipairs(plan.skipped or {}) do
    add(("left out %s: %s"):format(out.path, out.reason), "TurnoutHint")
  end
  add(describe_estimate(plan.estimate), "TurnoutHint")
  local go_on = usable(plan) and "a approve" or "a go on without a plan"
  add(go_on .. "  c correct  q cancel", "TurnoutHint")
  return lines
end

---@param lines { [1]: string, [2]: string? }[]
---@return vim.api.keyset.win_config
local function layout(lines)
  local width = math.max(math.min(MAX_WIDTH, vim.o.columns - 4), 1)
  local rows = 0
  for _, line in ipairs(lines) do
    rows = rows + math.max(math.ceil(vim.api.nvim_strwidth(line[1]) / width), 1)
  end
  local height = math.max(math.min(rows, vim.o.lines - vim.o.cmdheight - 2), 1)
  return {
    relative = "editor",
    row = math.max(math.floor((vim.o.lines - vim.o.cmdheight - 2 - height) / 2), 0),
    col = math.max(math.floor((vim.o.columns - width - 2) / 2), 0),
    width = width,
    height = height,
    style = "minimal",
    border = "rounded",
    title = " Turnout: plan ",
  }
end

---@param view turnout.PlanView
local function draw(view)
  local lines = describe(view.plan)
  local texts = vim.tbl_map(function(line)
    return line[1]
  end, lines)
  vim.bo[view.buf].modifiable = true
  vim.api.nvim_buf_set_lines(view.buf, 0, -1, false, texts)
  vim.bo[view.buf].modifiable = false
  vim.api.nvim_buf_clear_namespace(view.buf, namespace, 0, -1)
  for i, line in ipairs(lines) do
    vim.api.nvim_buf_set_extmark(view.buf, namespace, i - 1, 0, { line_hl_group = line[2] })
  end
  vim.api.nvim_win_set_config(view.win, layout(lines))
end

---Close the open plan; nothing comes of it.
---@return boolean open False where no plan is open.
function M.close()
  local view = current
  current = nil
  if not view then
    return false
  end
  if vim.api.nvim_buf_is_valid(view.buf) then
    vim.api.nvim_buf_delete(view.buf, { force = true })
  end
  return true
end

---@param view turnout.PlanView
local function approve(view)
  if not progress.busy() then
    M.close()
    view.on_approved(usable(view.plan) and view.plan.id or nil)
  end
end

---The plan that is open stays what it is until there is a better one.
---@param view turnout.PlanView
local function correct(view)
  if progress.busy() then
    return
  end
  vim.ui.input({ prompt = "Correct the plan: " }, function(correction)
    if not correction or vim.trim(correction) == "" or current ~= view then
      return
    end
    local params = { previous = view.plan.id, correction = correction }
    refactor.work(view.client, "turnout/plan", params, "plan", function(plan)
      if current == view then
        view.plan = plan
        draw(view)
      end
    end)
  end)
end

---@param view turnout.PlanView
local function cancel(view)
  if progress.busy() then
    progress.cancel()
  end
  if current == view then
    M.close()
    client.notify("the refactor was given up; nothing was changed")
  end
end

---@param view turnout.PlanView
local function add_keys(view)
  local function map(keys, action, desc)
    for _, key in ipairs(keys) do
      vim.keymap.set("n", key, function()
        action(view)
      end, { buffer = view.buf, nowait = true, desc = "Turnout: " .. desc })
    end
  end
  map({ "a", "<CR>" }, approve, "approve the plan")
  map({ "c" }, correct, "correct the plan")
  map({ "q", "<Esc>" }, cancel, "cancel the refactor")
end

---Show a plan; `on_approved` hears of it only if the user approves it, without an id where it is no usable one.
---@param server vim.lsp.Client
---@param plan turnout.Plan
---@param on_approved fun(plan_id?: string)
function M.open(server, plan, on_approved)
  M.close()
  require("turnout.highlights").define()
  local buf = vim.api.nvim_create_buf(false, true)
  vim.bo[buf].bufhidden = "wipe"
  local win = vim.api.nvim_open_win(buf, true, layout(describe(plan)))
  vim.wo[win].wrap, vim.wo[win].linebreak = true, true
  ---@type turnout.PlanView
  local view = { client = server, plan = plan, on_approved = on_approved, win = win, buf = buf }
  current = view
  add_keys(view)
  draw(view)
  vim.api.nvim_create_autocmd("BufWipeout", {
    buffer = buf,
    once = true,
    callback = function()
      if current == view then
        current = nil
      end
    end,
  })
end

---Ask for the plan of a refactor and let the user decide; where none is wanted, the refactor goes on at once.
---@param server vim.lsp.Client
---@param params table What would be sent with the refactor.
---@param on_approved fun(plan_id?: string)
function M.decide(server, params, on_approved)
  local mode = require("turnout.config").get().refactor.plan
  if mode == "auto" or not client.extensions(server).plan then
    on_approved(nil)
    return
  end
  local query = vim.tbl_extend("force", params, { plan = mode })
  refactor.work(server, "turnout/plan", query, "plan", function(plan)
    if plan and plan ~= vim.NIL then
      M.open(server, plan, on_approved)
    else
      on_approved(nil)
    end
  end)
end

return M
