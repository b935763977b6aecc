(class_specifier
  name: (_) @name
  body: (_) @body) @definition.class

(namespace_definition
  name: (_) @name) @scope.namespace

(alias_declaration
  name: (_) @name) @definition.type

(concept_definition
  name: (_) @name) @definition.type

(field_declaration
  declarator: [
    (function_declarator)
    (pointer_declarator (function_declarator))
    (reference_declarator (function_declarator))
  ]) @definition.method

(field_declaration_list
  (declaration
    declarator: (function_declarator)) @definition.method)
