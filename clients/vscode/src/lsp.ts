/**
 * The one door to the client library.
 * A bundled file copies all names of what it imports from a package, and this one has hundreds; hence one such file
 * for it, and `import vscode = require("vscode")` everywhere.
 */
export {
  CloseAction,
  CodeActionRequest,
  CompletionRequest,
  DidChangeConfigurationNotification,
  ErrorAction,
  ErrorCodes,
  ExecuteCommandRequest,
  InlineCompletionRequest,
  LanguageClient,
  MessageType,
  NotificationType,
  RequestType,
  ResponseError,
  ShowMessageRequest,
  State,
  WorkDoneProgress,
} from "vscode-languageclient/node";
export type {
  CloseHandlerResult,
  ErrorHandler,
  ErrorHandlerResult,
  ExecuteCommandParams,
  LanguageClientOptions,
  MessageActionItem,
  MessageSignature,
  Middleware,
  Position,
  Range,
  RequestParam,
  ShowMessageRequestParams,
  TextDocumentIdentifier,
} from "vscode-languageclient/node";
