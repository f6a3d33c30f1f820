//! The reference of the schema as a page of Markdown: every operation with what it takes and answers, then every type.

use std::fmt::Write as _;

use apollo_compiler::ast::{FieldDefinition, InputValueDefinition};
use apollo_compiler::schema::{EnumType, ExtendedType, InputObjectType};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema};

/// A schema text that is none.
#[derive(Debug, thiserror::Error)]
#[error("not a schema: {0}")]
pub struct NoSchema(String);

const HEAD: &str = "# Reference

Written from the schema by `guestlist schema --reference`. What the operations are for, by task, and what a client does with each error code
is in [API.md](API.md).
";

/// What the roots hold, in the order of the page.
const ROOTS: [(&str, &str); 3] =
    [("Queries", "Query"), ("Mutations", "Mutation"), ("Subscriptions", "Subscription")];

/// The page for a schema text.
///
/// # Errors
/// When it is no valid schema.
pub fn page(sdl: &str) -> Result<String, NoSchema> {
    let schema = Schema::parse_and_validate(sdl, "schema.graphql");
    let schema = schema.map_err(|found| NoSchema(found.errors.to_string()))?;
    let mut page = Page { schema, text: HEAD.to_owned() };
    for (title, root) in ROOTS {
        let fields = page.schema.get_object(root).map(|root| root.fields.values().cloned().collect());
        page.operations(title, fields.unwrap_or_default());
    }
    page.types();
    Ok(page.text)
}

struct Page {
    schema: Valid<Schema>,
    text: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "{text}");
    }

    fn operations(&mut self, title: &str, fields: Vec<Node<FieldDefinition>>) {
        self.line(&format!("\n## {title}"));
        for field in fields {
            self.line(&format!("\n### `{}`\n\n{}", field.name, told(field.description.as_deref())));
            let input = |argument: &Node<InputValueDefinition>| {
                self.schema.get_input_object(argument.ty.inner_named_type()).cloned()
            };
            let inputs: Vec<Node<InputObjectType>> = field.arguments.iter().filter_map(input).collect();
            if !field.arguments.is_empty() {
                self.line("\n| takes | type | |\n|---|---|---|");
                field.arguments.iter().for_each(|argument| self.taken("", argument));
                // Mutations have one input, whose fields are what is taken.
                if let ("Mutations", [input]) = (title, &inputs[..]) {
                    input.fields.values().for_each(|field| self.taken("input.", field));
                }
            }
            self.line(&format!("\nAnswers {}.", linked(&field.ty.to_string())));
        }
    }

    fn taken(&mut self, before: &str, value: &InputValueDefinition) {
        let default = value.default_value.as_ref().map(|value| format!(" = `{value}`")).unwrap_or_default();
        let told = cell(&told(value.description.as_deref()));
        self.line(&format!(
            "| `{before}{}` | {}{default} | {told} |",
            value.name,
            linked(&value.ty.to_string())
        ));
    }

    fn types(&mut self) {
        let roots: Vec<&str> = ROOTS.iter().map(|(_, root)| *root).collect();
        let shown =
            |(name, is): &(&Name, &ExtendedType)| !is.is_built_in() && !roots.contains(&name.as_str());
        let mut types: Vec<(Name, ExtendedType)> =
            self.schema.types.iter().filter(shown).map(|(name, is)| (name.clone(), is.clone())).collect();
        types.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.line("\n## Types");
        for (name, is) in types {
            let kind = match &is {
                ExtendedType::Scalar(_) => "scalar",
                ExtendedType::Object(_) => "object",
                ExtendedType::Interface(_) => "interface",
                ExtendedType::Union(_) => "union",
                ExtendedType::Enum(_) => "enum",
                ExtendedType::InputObject(_) => "input",
            };
            let description = is.description().map(|text| text.as_str());
            // A place of its own: an operation can be called as a type is, in small letters.
            let place = name.to_lowercase();
            self.line(&format!(
                "\n### <a id=\"type-{place}\"></a>`{name}`\n\n*{kind}* {}",
                told(description)
            ));
            match &is {
                ExtendedType::Object(is) => self.fields(is.fields.values()),
                ExtendedType::Interface(is) => self.fields(is.fields.values()),
                ExtendedType::Union(is) => {
                    let members: Vec<String> =
                        is.members.iter().map(|member| linked(member.as_str())).collect();
                    self.line(&format!("\nOne of {}.", members.join(", ")));
                }
                ExtendedType::Enum(is) => self.values(is),
                ExtendedType::InputObject(is) => {
                    self.line("\n| field | type | |\n|---|---|---|");
                    is.fields.values().for_each(|field| self.taken("", field));
                }
                ExtendedType::Scalar(_) => {}
            }
        }
    }

    fn fields<'f>(&mut self, fields: impl Iterator<Item = &'f Node<FieldDefinition>>) {
        self.line("\n| field | type | |\n|---|---|---|");
        for field in fields {
            let arguments: Vec<String> = field
                .arguments
                .iter()
                .map(|argument| format!("{}: {}", argument.name, argument.ty))
                .collect();
            let taken =
                if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
            let told = cell(&told(field.description.as_deref()));
            self.line(&format!("| `{}{taken}` | {} | {told} |", field.name, linked(&field.ty.to_string())));
        }
    }

    fn values(&mut self, is: &EnumType) {
        self.line("\n| value | |\n|---|---|");
        for value in is.values.values() {
            let told = cell(&told(value.description.as_deref()));
            self.line(&format!("| `{}` | {told} |", value.value));
        }
    }
}

/// A description, its lines made one.
fn told(description: Option<&str>) -> String {
    let paragraphs = description.unwrap_or_default().trim().split("\n\n");
    let joined: Vec<String> =
        paragraphs.map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    joined.join("\n\n")
}

/// Text within a row of a table.
fn cell(text: &str) -> String {
    text.replace("\n\n", " ").replace('|', "\\|")
}

/// A type with a link to where it is described, unless GraphQL itself describes it.
fn linked(written: &str) -> String {
    let name = written.trim_matches(['[', ']', '!']);
    if ["Boolean", "Float", "ID", "Int", "String"].contains(&name) {
        return format!("`{written}`");
    }
    format!("[`{written}`](#type-{})", name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDL: &str = r#"
        type Query { "Who. Second\nline." me(deep: Boolean = true): User }
        "A person | somebody.\n\nMore." type User { id: ID! "Names." names(first: Int): [Name!]! }
        scalar Name
        type Mutation { "Does." rename(input: RenameInput!): User }
        input RenameInput { "To what." to: Name! = "x" }
        enum Colour { "Red." RED }
        union Any = User
    "#;

    #[test]
    fn operations_come_with_what_they_take_and_types_with_what_they_hold() {
        let page = page(SDL).unwrap();
        for part in [
            "## Queries\n\n### `me`\n\nWho. Second line.\n\n| takes | type | |\n|---|---|---|\n| `deep` | `Boolean` = `true` |  |\n\nAnswers [`User`](#type-user).",
            "### `rename`\n\nDoes.\n\n| takes | type | |\n|---|---|---|\n| `input` | [`RenameInput!`](#type-renameinput) |  |\n| `input.to` | [`Name!`](#type-name) = `\"x\"` | To what. |",
            "### <a id=\"type-user\"></a>`User`\n\n*object* A person | somebody.\n\nMore.\n\n| field | type | |\n|---|---|---|\n| `id` | `ID!` |  |\n| `names(first: Int)` | [`[Name!]!`](#type-name) | Names. |",
            "### <a id=\"type-colour\"></a>`Colour`\n\n*enum* \n\n| value | |\n|---|---|\n| `RED` | Red. |",
            "One of [`User`](#type-user).",
        ] {
            assert!(page.contains(part), "{part}\n---\n{page}");
        }
        assert!(super::page("type").is_err());
    }
}
