-- Writes doc/turnout.txt, and its tags, from the tables that the plugin itself works with.
-- usage: nvim -l scripts/help.lua [--check]      --check only says whether they are up to date
local root = vim.fs.dirname(vim.fs.dirname(vim.fs.abspath(arg[0])))
vim.opt.runtimepath:prepend(root)

local WIDTH = 78

local function fill(text, indent)
  local lines, line = {}, nil
  for word in text:gmatch("%S+") do
    if line and #line + 1 + #word > WIDTH - indent then
      lines[#lines + 1] = (" "):rep(indent) .. line
      line = word
    else
      line = line and line .. " " .. word or word
    end
  end
  lines[#lines + 1] = (" "):rep(indent) .. (line or "")
  return table.concat(lines, "\n")
end

local function heading(title, tag)
  return ("="):rep(WIDTH) .. "\n" .. title .. (" "):rep(WIDTH - #title - #tag - 2) .. "*" .. tag .. "*\n"
end

-- A line that ends with a tag, right-aligned as help files have it.
local function tagged(text, tag)
  return text .. (" "):rep(math.max(1, WIDTH - #text - #tag - 2)) .. "*" .. tag .. "*"
end

local function type_name(option)
  local kinds = type(option.type) == "table" and option.type or { option.type }
  return table.concat(kinds, " or ")
end

local function options()
  local out = {}
  for _, option in ipairs(require("turnout.config").schema) do
    local default = vim.inspect(option.default, { newline = "", indent = "" })
    out[#out + 1] = tagged(option.key, "turnout-config-" .. option.key)
    out[#out + 1] = ("    %s, default: `%s`"):format(type_name(option), default)
    out[#out + 1] = fill(option.text, 4) .. "\n"
  end
  return table.concat(out, "\n")
end

local function commands()
  local out = {}
  for name, command in vim.spairs(require("turnout.commands").commands) do
    local usage = ":Turnout " .. name .. (command.args ~= "" and " " .. command.args or "")
    out[#out + 1] = tagged(usage, ":Turnout-" .. name)
    out[#out + 1] = fill(command.help, 4) .. "\n"
  end
  return table.concat(out, "\n")
end

local function highlights()
  local out = {}
  for _, group in ipairs(require("turnout.highlights").groups) do
    out[#out + 1] = tagged(("%s, linked to %s"):format(group[1], group[2]), "hl-" .. group[1])
    out[#out + 1] = fill(group[3], 4) .. "\n"
  end
  return table.concat(out, "\n")
end

local function generated()
  local template = assert(io.open(root .. "/scripts/help.txt")):read("a")
  local sections = { OPTIONS = options, COMMANDS = commands, HIGHLIGHTS = highlights }
  local text = template:gsub("@HEADING ([^\n]-) %*(%S+)%*\n", function(title, tag)
    return heading(title, tag)
  end)
  text = text:gsub("@(%u+)\n", function(name)
    return sections[name]()
  end)
  return text
end

local function read(path)
  local file = io.open(path)
  return file and file:read("*a")
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- The tags that Neovim makes of a help file. They are kept in the repository, so that `:help turnout` works
-- however the plugin came onto the runtime path.
local function tags_of(text)
  local directory = vim.fn.tempname()
  vim.fn.mkdir(directory)
  write(directory .. "/turnout.txt", text)
  vim.cmd.helptags(directory)
  return read(directory .. "/tags")
end

local text = generated()
local files = { [root .. "/doc/turnout.txt"] = text, [root .. "/doc/tags"] = tags_of(text) }
for path, wanted in pairs(files) do
  if arg[1] ~= "--check" then
    write(path, wanted)
  elseif read(path) ~= wanted then
    io.stderr:write(path .. " is out of date; run: nvim -l scripts/help.lua\n")
    os.exit(1)
  end
end
