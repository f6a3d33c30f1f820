//! Lists as Relay has them: edges, nodes, page info and a total.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    ContextSelectionSet, Enum, OutputType, Positioned, ServerResult, SimpleObject, TypeName, Value,
};

use super::written::{AtHand, Written, WrittenEdges};
use crate::page::{Cursor, Slice};

/// Direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Least first.
    Asc,
    /// Greatest first.
    Desc,
}

/// Clients see a text. It is made where it is asked for.
impl OutputType for Cursor {
    fn type_name() -> Cow<'static, str> {
        <String as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <String as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::String(self.encode()))
    }
}

/// Where a page stands in its list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether rows stand before this page.
    pub has_previous_page: bool,
    /// Whether rows follow this page.
    pub has_next_page: bool,
    /// Cursor of the first row; null for an empty page.
    pub start_cursor: Option<Cursor>,
    /// Cursor of the last row; null for an empty page.
    pub end_cursor: Option<Cursor>,
}

/// Row of a list with its place in it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name_type)]
pub struct Edge<T: OutputType> {
    /// Place of the row, for `after` and `before`.
    pub cursor: Cursor,
    /// Row itself.
    pub node: T,
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// One page of a list.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name_type)]
pub struct Connection<T: AtHand>
where
    Edge<T>: OutputType,
{
    /// Rows with their cursors.
    pub edges: WrittenEdges<T>,
    /// Rows without their cursors.
    pub nodes: Written<T>,
    /// Where this page stands.
    pub page_info: PageInfo,
    /// Rows in all pages together; counted only when asked for.
    pub total_count: i32,
}

impl<T: AtHand> TypeName for Connection<T>
where
    Edge<T>: OutputType,
{
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

impl<T: AtHand> Connection<T>
where
    Edge<T>: OutputType,
{
    /// Shows a page of rows; `cursor` gives a row's place and `node` its object.
    pub fn new<R>(slice: Slice<R>, cursor: impl Fn(&R) -> Cursor, node: impl Fn(R) -> T) -> Self {
        let (has_previous_page, has_next_page) = (slice.has_previous, slice.has_next);
        let total_count = i32::try_from(slice.total).unwrap_or(i32::MAX);
        let edges: Vec<Edge<T>> =
            slice.rows.into_iter().map(|row| Edge { cursor: cursor(&row), node: node(row) }).collect();
        let page_info = PageInfo {
            has_previous_page,
            has_next_page,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        let edges = Arc::new(edges);
        Self { nodes: Written(Arc::clone(&edges)), edges: WrittenEdges(edges), page_info, total_count }
    }
}
