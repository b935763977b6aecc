---Keys for ghost text that do what they did before wherever there is no suggestion.
---
---They are set in each buffer that the server is attached to. What they fall through to is looked up when they
---are pressed, so that it does not matter whether the user's own mapping was made before or after them.
local M = {}

---@param keys string
---@param mode string Flags of |nvim_feedkeys()|.
local function feed(keys, mode)
  -- "i": before whatever has been typed since, or keys would change places.
  vim.api.nvim_feedkeys(keys, mode .. "i", false)
end

---@param text string
---@return string
local function keycodes(text)
  return vim.api.nvim_replace_termcodes(text, true, true, true)
end

---@param text string
---@param map table<string, any>
---@return string
local function resolve_sid(text, map)
  return (text:gsub("<[sS][iI][dD]>", "<SNR>" .. map.sid .. "_"))
end

---Do what a mapping would have done.
---@param map table<string, any> As from |maparg()|.
local function run(map)
  local flags = map.noremap == 1 and "n" or "m"
  if map.callback then
    local result = map.callback()
    if map.expr == 1 and type(result) == "string" then
      feed(map.replace_keycodes == 1 and keycodes(result) or result, flags)
    end
  elseif map.expr == 1 then
    local result = vim.api.nvim_eval(resolve_sid(map.rhs, map))
    feed(map.replace_keycodes == 1 and keycodes(result) or result, flags)
  else
    feed(keycodes(resolve_sid(map.rhs or "", map)), flags)
  end
end

---The global insert mode mapping of a key, if there is one.
---@param lhs string
---@return table<string, any>?
local function global_mapping(lhs)
  local raw = keycodes(lhs)
  for _, map in ipairs(vim.api.nvim_get_keymap("i")) do
    if map.lhsraw == raw or map.lhsrawalt == raw then
      return map
    end
  end
end

---@param lhs string
---@param shadowed? table<string, any> The buffer's own mapping that ours replaced.
local function fall_through(lhs, shadowed)
  local map = shadowed or global_mapping(lhs)
  if map then
    run(map)
  else
    feed(keycodes(lhs), "n")
  end
end

---@param lhs string
---@return table<string, any>?
local function buffer_mapping(lhs)
  local map = vim.fn.maparg(lhs, "i", false, true)
  return map.buffer == 1 and map or nil
end

---Set the keys in the current buffer, once.
function M.attach()
  if vim.b.turnout_keymaps then
    return
  end
  vim.b.turnout_keymaps = true
  for action, lhs in pairs(require("turnout.config").get().keymaps) do
    if type(lhs) == "string" and lhs ~= "" then
      local shadowed = buffer_mapping(lhs)
      vim.keymap.set("i", lhs, function()
        if not require("turnout")[action]() then
          fall_through(lhs, shadowed)
        end
      end, { buffer = true, desc = "Turnout: " .. action:gsub("_", " ") })
    end
  end
end

return M
