---The plugin's options: one schema gives the defaults, the checks and the help text.
local M = {}

---@class (exact) turnout.Option
---@field key string Dotted path in the table given to setup().
---@field type string|string[] What `type()` may say of a value; "list" is a table of strings.
---@field default any
---@field choices? string[] What a string may be; anything where it is nil.
---@field text string One sentence for the help file.

---@class (exact) turnout.Options
---@field cmd? string[]
---@field filetypes? string[]
---@field root_markers? string[]
---@field settings? table<string, any>
---@field ghost? turnout.GhostOptions
---@field keymaps? turnout.KeymapOptions|false
---@field refactor? { plan?: "ask"|"auto", preview?: boolean, save?: boolean }

---@class (exact) turnout.GhostOptions
---@field enabled? boolean
---@field auto? boolean
---@field debounce_ms? integer
---@field disabled_filetypes? string[]

---@class (exact) turnout.KeymapOptions
---@field accept? string|false
---@field accept_word? string|false
---@field accept_line? string|false
---@field dismiss? string|false
---@field next? string|false
---@field previous? string|false
---@field trigger? string|false

---@type turnout.Option[]
M.schema = {
  {
    key = "cmd",
    type = "list",
    default = { "turnout", "serve", "--stdio" },
    text = "Command that starts the server. A relative name is looked up on $PATH, never in the workspace.",
  },
  {
    key = "filetypes",
    type = { "list", "nil" },
    default = nil,
    text = "Filetypes to start for; every one where it is not set.",
  },
  {
    key = "root_markers",
    type = "list",
    default = { ".turnout.toml", ".git" },
    text = "Files that mark the root of a workspace.",
  },
  {
    key = "settings",
    type = "table",
    default = {},
    text = "Settings of the server, the same keys as in `.turnout.toml`.",
  },
  {
    key = "ghost.enabled",
    type = "boolean",
    default = true,
    text = "Show suggestions as ghost text.",
  },
  {
    key = "ghost.auto",
    type = "boolean",
    default = true,
    text = "Ask for a suggestion after each change; otherwise only when told to.",
  },
  {
    key = "ghost.debounce_ms",
    type = "number",
    default = 0,
    text = "Wait so long after a change before asking. The server waits by itself where that pays, "
      .. "and answers from its cache at once, so 0 is best.",
  },
  {
    key = "ghost.disabled_filetypes",
    type = "list",
    default = {},
    text = "Filetypes without suggestions. `vim.b.turnout = false` does the same for a buffer.",
  },
  {
    key = "keymaps.accept",
    type = { "string", "boolean" },
    default = "<Tab>",
    text = "Accept the suggestion. Like every key here, it does what it did before where there is none, "
      .. "and false leaves it alone.",
  },
  {
    key = "keymaps.accept_word",
    type = { "string", "boolean" },
    default = "<M-Right>",
    text = "Accept the next word.",
  },
  {
    key = "keymaps.accept_line",
    type = { "string", "boolean" },
    default = "<M-Down>",
    text = "Accept the rest of the line.",
  },
  {
    key = "keymaps.dismiss",
    type = { "string", "boolean" },
    default = "<C-]>",
    text = "Take the suggestion off the screen.",
  },
  {
    key = "keymaps.next",
    type = { "string", "boolean" },
    default = "<M-]>",
    text = "Show the next suggestion.",
  },
  {
    key = "keymaps.previous",
    type = { "string", "boolean" },
    default = "<M-[>",
    text = "Show the previous suggestion.",
  },
  {
    key = "keymaps.trigger",
    type = { "string", "boolean" },
    default = "<M-\\>",
    text = "Ask for a suggestion now.",
  },
  {
    key = "refactor.plan",
    type = { "string", "nil" },
    default = nil,
    choices = { "ask", "auto" },
    text = 'Approve the plan of a refactor before any edit is written ("ask"), or go on without one ("auto"). '
      .. "Where it is not set, `routes.refactor.plan` of the server's settings decides.",
  },
  {
    key = "refactor.preview",
    type = "boolean",
    default = true,
    text = "Review a refactor before it is applied.",
  },
  {
    key = "refactor.save",
    type = "boolean",
    default = false,
    text = "Write the changed files after a refactor; otherwise they stay modified buffers.",
  },
}

---@param value any
---@param kind string
---@return boolean
local function is_a(value, kind)
  if kind ~= "list" then
    return type(value) == kind
  end
  return vim.islist(value) and vim.iter(value):all(function(item)
    return type(item) == "string"
  end)
end

---@param option turnout.Option
---@param value any
---@return string? problem
local function wrong_choice(option, value)
  if option.choices and value ~= nil and not vim.list_contains(option.choices, value) then
    local choices = table.concat(vim.tbl_map(vim.inspect, option.choices), " or ")
    return ("%s is %s; it must be %s"):format(option.key, vim.inspect(value), choices)
  end
end

---@param option turnout.Option
---@param value any
---@return string? problem
local function problem_with(option, value)
  local kinds = type(option.type) == "table" and option.type or { option.type }
  ---@cast kinds string[]
  for _, kind in ipairs(kinds) do
    if is_a(value, kind) then
      return wrong_choice(option, value)
    end
  end
  return ("%s is %s; it must be a %s"):format(option.key, vim.inspect(value), table.concat(kinds, " or a "))
end

---@return table<string, any>
local function defaults()
  local values = { ghost = {}, keymaps = {}, refactor = {} }
  for _, option in ipairs(M.schema) do
    local group, name = option.key:match("^(%w+)%.(.+)$")
    if group then
      values[group][name] = vim.deepcopy(option.default)
    else
      values[option.key] = vim.deepcopy(option.default)
    end
  end
  return values
end

---@type table<string, any>?
local current

---Every option with its value.
---@return table<string, any>
function M.get()
  current = current or defaults()
  return current
end

---Single-letter changes that make `a` into `b`.
---@param a string
---@param b string
---@return integer
local function distance(a, b)
  local row = vim.fn.range(0, #b)
  for i = 1, #a do
    local diagonal = row[1]
    row[1] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local cost = math.min(row[j + 1] + 1, row[j] + 1, diagonal + (same and 0 or 1))
      diagonal, row[j + 1] = row[j + 1], cost
    end
  end
  return row[#b + 1]
end

---The known option or group of options that a misspelt one most resembles.
---@param name string
---@return string
local function nearest(name)
  local best, best_distance = "", math.huge
  for _, option in ipairs(M.schema) do
    for _, candidate in ipairs({ option.key, option.key:match("^(%w+)%.") }) do
      local changes = distance(name, candidate)
      if changes < best_distance then
        best, best_distance = candidate, changes
      end
    end
  end
  return best
end

---@param opts table<string, any>
---@return table<string, any> flat From dotted key to value.
local function flatten(opts)
  local flat = {}
  for key, value in pairs(opts) do
    local group = key == "ghost" or key == "keymaps" or key == "refactor"
    if group and type(value) == "table" then
      for name, inner in pairs(value) do
        flat[key .. "." .. name] = inner
      end
    else
      flat[key] = value
    end
  end
  return flat
end

---Take over the user's options; a wrong one leaves its default in force.
---@param opts turnout.Options
---@return string[] problems One sentence for each option that could not be used.
function M.set(opts)
  local values, problems, known = defaults(), {}, {}
  opts = vim.deepcopy(opts)
  if opts.keymaps == false then
    opts.keymaps = {}
    for name in pairs(values.keymaps) do
      opts.keymaps[name] = false
    end
  end
  local flat = flatten(opts)
  for _, option in ipairs(M.schema) do
    known[option.key] = true
    local value = flat[option.key]
    local problem = value ~= nil and problem_with(option, value) or nil
    if problem then
      problems[#problems + 1] = problem
    elseif value ~= nil then
      local group, name = option.key:match("^(%w+)%.(.+)$")
      if group then
        values[group][name] = value
      else
        values[option.key] = value
      end
    end
  end
  for key in vim.spairs(flat) do
    if not known[key] then
      problems[#problems + 1] = ("there is no option %s; did you mean %s?"):format(key, nearest(key))
    end
  end
  current = values
  return problems
end

return M
