//! Lists as Relay has them: edges, nodes, page info and a total.

use std::borrow::Cow;

use async_graphql::{Enum, ObjectType, OutputType, SimpleObject, TypeName};

use super::written::{Written, WrittenEdges};
use crate::page::Slice;

/// Direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Least first.
    Asc,
    /// Greatest first.
    Desc,
}

/// Where a page stands in its list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether rows stand before this page.
    pub has_previous_page: bool,
    /// Whether rows follow this page.
    pub has_next_page: bool,
    /// Cursor of the first row; null for an empty page.
    pub start_cursor: Option<String>,
    /// Cursor of the last row; null for an empty page.
    pub end_cursor: Option<String>,
}

/// Row of a list with its place in it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name_type)]
pub struct Edge<T: OutputType> {
    /// Place of the row, for `after` and `before`.
    pub cursor: String,
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
pub struct Connection<T: ObjectType>
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

impl<T: ObjectType> TypeName for Connection<T>
where
    Edge<T>: OutputType,
{
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

impl<T: ObjectType + Clone> Connection<T>
where
    Edge<T>: OutputType,
{
    /// Shows a page of rows; `cursor` gives a row's place and `node` its object.
    pub fn new<R>(slice: Slice<R>, cursor: impl Fn(&R) -> String, node: impl Fn(R) -> T) -> Self {
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
        let nodes = Written(edges.iter().map(|edge| edge.node.clone()).collect());
        Self { nodes, edges: WrittenEdges(edges), page_info, total_count }
    }
}
