---Applies workspace edits whole or not at all: everything is checked first, and what fails half-way is taken back.
---
---Text goes into buffers and is not written. A new file is a buffer that nobody has written yet; only a rename
---and a delete, which no buffer can stand for, reach the disk.
local files = require("turnout.files")

local M = {}

---@class (exact) turnout.Refusal
---@field reason string
---@field index integer 0-based place of the change in the edit.

---What earlier changes of the same edit bring about, as far as later ones depend on it.
---@class (exact) turnout.Outlook
---@field created table<string, true> By URI.
---@field client_id integer

---@alias turnout.Change lsp.TextDocumentEdit|lsp.CreateFile|lsp.RenameFile|lsp.DeleteFile

---@param edit lsp.WorkspaceEdit
---@return turnout.Change[]
local function changes_of(edit)
  if edit.documentChanges then
    return edit.documentChanges
  end
  local changes = {}
  for uri, edits in vim.spairs(edit.changes or {}) do
    changes[#changes + 1] = { textDocument = { uri = uri, version = vim.NIL }, edits = edits }
  end
  return changes
end

---@param uri string
---@return string
local function name_of(uri)
  return vim.fn.fnamemodify(vim.uri_to_fname(uri), ":~:.")
end

---@param document { uri: string, version: integer? }
---@param outlook turnout.Outlook
---@return string? reason
local function stale(document, outlook)
  local bufnr = files.loaded_buffer(document.uri)
  local version = document.version
  if version ~= nil and version ~= vim.NIL then
    local open = bufnr and vim.lsp.buf_is_attached(bufnr, outlook.client_id)
    if not open or vim.lsp.util.buf_versions[bufnr] ~= version then
      return ("%s has changed since the edit was made"):format(name_of(document.uri))
    end
  elseif not outlook.created[document.uri] then
    if bufnr and vim.bo[bufnr].modified then
      return ("%s has changes that the edit knows nothing of"):format(name_of(document.uri))
    elseif not bufnr and not files.on_disk(document.uri) then
      return ("%s does not exist"):format(name_of(document.uri))
    end
  end
end

---@param change lsp.TextDocumentEdit
---@param outlook turnout.Outlook
---@return string? reason
local function check_text(change, outlook)
  local uri = change.textDocument.uri
  local bufnr = files.loaded_buffer(uri)
  if bufnr and not vim.bo[bufnr].modifiable then
    return ("%s is not modifiable"):format(name_of(uri))
  end
  for _, edit in ipairs(change.edits) do
    if type(edit.newText) ~= "string" then
      return ("the edit of %s is a snippet, which is not supported"):format(name_of(uri))
    end
  end
  return stale(change.textDocument, outlook)
end

---@type table<string, fun(change: table, outlook: turnout.Outlook): string?>
local checks = {
  edit = check_text,
  create = function(change, outlook)
    local options = change.options or {}
    outlook.created[change.uri] = true
    if files.exists(change.uri) and not options.overwrite and not options.ignoreIfExists then
      return ("%s exists already"):format(name_of(change.uri))
    end
  end,
  rename = function(change, outlook)
    local options = change.options or {}
    outlook.created[change.newUri] = true
    if not files.on_disk(change.oldUri) then
      return ("%s does not exist"):format(name_of(change.oldUri))
    elseif files.exists(change.newUri) and not options.overwrite then
      return ("%s exists already"):format(name_of(change.newUri))
    end
  end,
  delete = function(change)
    if files.is_directory(change.uri) then
      return ("%s is a directory"):format(name_of(change.uri))
    elseif not files.exists(change.uri) and not (change.options or {}).ignoreIfNotExists then
      return ("%s does not exist"):format(name_of(change.uri))
    end
    local bufnr = files.loaded_buffer(change.uri)
    if bufnr and vim.bo[bufnr].modified and files.on_disk(change.uri) then
      return ("%s has changes that are not written"):format(name_of(change.uri))
    end
  end,
}

---@param change turnout.Change
---@return string[]
local function uris_of(change)
  if change.textDocument then
    return { change.textDocument.uri }
  end
  return { change.uri or change.oldUri, change.newUri }
end

---@param changes turnout.Change[]
---@param client_id integer
---@return turnout.Refusal?
local function check(changes, client_id)
  ---@type turnout.Outlook
  local outlook = { created = {}, client_id = client_id }
  for i, change in ipairs(changes) do
    for _, uri in ipairs(uris_of(change)) do
      if not vim.startswith(uri, "file://") then
        return { reason = ("%s is not a file"):format(uri), index = i - 1 }
      end
    end
    local inspect = checks[change.textDocument and "edit" or change.kind]
    local reason = inspect and inspect(change, outlook) or nil
    if not inspect then
      reason = ("%s is no change that is known"):format(tostring(change.kind))
    end
    if reason then
      return { reason = reason, index = i - 1 }
    end
  end
end

---Ask the user about changes that the server marked as needing it.
---@param edit lsp.WorkspaceEdit
---@return boolean
local function confirmed(edit)
  local labels = {}
  for _, annotation in vim.spairs(edit.changeAnnotations or {}) do
    if annotation.needsConfirmation == true then
      labels[#labels + 1] = annotation.label
    end
  end
  return #labels == 0 or vim.fn.confirm(table.concat(labels, "\n"), "&Apply\n&Cancel", 2, "Question") == 1
end

---@param change turnout.Change
---@param client vim.lsp.Client
---@return fun() undo
local function carry_out(change, client)
  if change.textDocument then
    return files.edit(change.textDocument.uri, change.edits, client)
  elseif change.kind == "create" then
    return files.create(change.uri, change.options or {}, client)
  elseif change.kind == "rename" then
    return files.rename(change.oldUri, change.newUri, change.options or {})
  end
  return files.delete(change.uri)
end

---Apply `edit`, or leave everything as it was.
---@param edit lsp.WorkspaceEdit
---@param client vim.lsp.Client
---@return turnout.Refusal? refusal Nil where it was applied.
function M.apply(edit, client)
  local changes = changes_of(edit)
  local refusal = check(changes, client.id)
  if refusal then
    return refusal
  end
  if not confirmed(edit) then
    return { reason = "refused by the user", index = 0 }
  end
  local undos = {} ---@type fun()[]
  for i, change in ipairs(changes) do
    local ok, result = pcall(carry_out, change, client)
    if not ok then
      for j = #undos, 1, -1 do
        undos[j]()
      end
      return { reason = tostring(result), index = i - 1 }
    end
    undos[i] = result
  end
end

---Answer a `workspace/applyEdit` request.
---@param params lsp.ApplyWorkspaceEditParams
---@param client_id integer
---@return lsp.ApplyWorkspaceEditResult
function M.handle(params, client_id)
  local client = assert(vim.lsp.get_client_by_id(client_id))
  local ok, refusal = pcall(M.apply, params.edit, client)
  if not ok then
    return { applied = false, failureReason = tostring(refusal) }
  elseif refusal then
    return { applied = false, failureReason = refusal.reason, failedChange = refusal.index }
  end
  return { applied = true }
end

return M
