//! Whether what fields of one name say is to be merged.

use std::collections::HashMap;

use apollo_compiler::executable::{Selection, SelectionSet};
use apollo_compiler::{ExecutableDocument, Name};

/// Whether two selections of objects answer under one name somewhere, so that their fields are merged. Values that are asked for twice are
/// the same value. It is looked at without types, and may say so of two that never meet.
pub(super) fn merges(document: &ExecutableDocument) -> bool {
    let mut names = Names { document, known: HashMap::new() };
    document.operations.iter().any(|operation| names.set(&operation.selection_set).is_none())
}

struct Names<'d> {
    document: &'d ExecutableDocument,
    known: HashMap<&'d Name, Vec<&'d Name>>,
}

impl<'d> Names<'d> {
    /// Under which names a selection answers with objects; `None` where two of them share one.
    fn set(&mut self, set: &'d SelectionSet) -> Option<Vec<&'d Name>> {
        let mut names: Vec<&Name> = Vec::new();
        for selection in &set.selections {
            let within = match selection {
                Selection::Field(field) => {
                    let Some(inner) = &field.selection_set else { continue };
                    self.set(inner)?;
                    vec![field.response_name()]
                }
                Selection::InlineFragment(inline) => self.set(&inline.selection_set)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.fragment_name)?,
            };
            if within.iter().any(|name| names.contains(name)) {
                return None;
            }
            names.extend(within);
        }
        Some(names)
    }

    fn fragment(&mut self, name: &'d Name) -> Option<Vec<&'d Name>> {
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        let document = self.document;
        let names =
            document.fragments.get(name).map_or(Some(Vec::new()), |found| self.set(&found.selection_set))?;
        self.known.insert(name, names.clone());
        Some(names)
    }
}

#[cfg(test)]
mod tests {
    use apollo_compiler::{ExecutableDocument, Schema};

    use super::merges;

    #[test]
    fn objects_under_one_name_are_merged_and_values_are_not() {
        let schema = Schema::parse_and_validate(crate::schema::sdl(), "schema.graphql").unwrap();
        for (text, merged) in [
            ("{ me { id } }", false),
            ("{ me { id id ...a } } fragment a on Viewer { id name }", false),
            ("{ me { id } other: me { id } }", false),
            ("{ me { id } me { name } }", true),
            ("{ me { sessions { id } ... on Viewer { sessions { current } } } }", true),
            (
                "{ me { ...a ...b } } fragment a on Viewer { sessions { id } } fragment b on Viewer { sessions { id } }",
                true,
            ),
            ("{ me { ...a memberships { id } } } fragment a on Viewer { sessions { id } }", false),
            (
                "{ me { ...b } } fragment b on Viewer { ...a ...a } fragment a on Viewer { sessions { id } }",
                true,
            ),
            ("query A { me { id } } query B { me { sessions { id } sessions { current } } }", true),
        ] {
            let document = ExecutableDocument::parse_and_validate(&schema, text, "query.graphql").unwrap();
            assert_eq!(merges(&document), merged, "{text}");
        }
    }
}
