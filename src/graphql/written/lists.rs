//! What can be written: the rows of a list, with their places in it or without, and objects that hold their values.

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};

use super::{Asked, AtHand, Found, Page, Place, key, put, writes};
use crate::graphql::connection::Edge;

/// Rows of a list, without their places in it.
#[derive(Clone, Debug)]
pub struct Written<T: OutputType>(pub Arc<Vec<Edge<T>>>);

/// Rows of a list with their places in it.
#[derive(Clone, Debug)]
pub struct WrittenEdges<T: OutputType>(pub Arc<Vec<Edge<T>>>);

/// An object that holds its values, and so never waits for one.
#[derive(Clone, Debug)]
pub struct Plain<T>(pub T);

impl<T: AtHand> OutputType for Written<T> {
    fn type_name() -> Cow<'static, str> {
        <Vec<T> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<T> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<T> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let asked = if writes(ctx) { Asked::of::<T>(ctx, &ctx.item.node) } else { None };
        let Some(mut asked) = asked else {
            let rows: Vec<&T> = self.0.iter().map(|edge| &edge.node).collect();
            return rows.resolve(ctx, field).await;
        };
        let page = poll_fn(|task| {
            Poll::Ready(list(&self.0, |page, index, edge| {
                let place = Place { ctx, index: Some(index), within: None };
                page.object(task, place, &edge.node, &mut asked)
            }))
        });
        page.await?.close().await
    }
}

/// Writes the rows of a list, each by what it is given.
fn list<'a, R>(
    rows: &'a [R],
    mut write: impl FnMut(&mut Page<'a>, usize, &'a R) -> ServerResult<()>,
) -> ServerResult<Page<'a>> {
    let mut page = Page::default();
    page.text.push(b'[');
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            page.text.push(b',');
        }
        write(&mut page, index, row)?;
    }
    page.text.push(b']');
    Ok(page)
}

impl<T: AtHand> WrittenEdges<T>
where
    Edge<T>: OutputType,
{
    /// What is asked of each edge, and of the row that it leads to.
    fn asked<'a>(ctx: &ContextSelectionSet<'a>) -> Option<Vec<(&'a Positioned<Field>, Asked<'a>)>> {
        let edge = if writes(ctx) { Asked::of::<Edge<T>>(ctx, &ctx.item.node)? } else { return None };
        let within = |(field, _): (&'a Positioned<Field>, Found)| {
            Some((field, Asked::of::<T>(ctx, &field.node.selection_set.node)?))
        };
        edge.0.into_iter().map(within).collect()
    }
}

impl<T: AtHand> OutputType for WrittenEdges<T>
where
    Edge<T>: OutputType,
{
    fn type_name() -> Cow<'static, str> {
        <Vec<Edge<T>> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<Edge<T>> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<Edge<T>> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let Some(mut asked) = Self::asked(ctx) else { return self.0.resolve(ctx, field).await };
        let page = poll_fn(|task| {
            Poll::Ready(list(&self.0, |page, index, edge| {
                let mut before = b'{';
                for (field, node) in &mut asked {
                    key(before, &field.node, &mut page.text);
                    before = b',';
                    let place = Place { ctx, index: Some(index), within: Some(field) };
                    match field.node.name.node.as_str() {
                        "node" => page.object(task, place, &edge.node, node)?,
                        "cursor" => put(&mut page.text, &Value::String(edge.cursor.encode()))?,
                        _ => put(&mut page.text, &Value::String(Edge::<T>::type_name().into_owned()))?,
                    }
                }
                page.end(before);
                Ok(())
            }))
        });
        page.await?.close().await
    }
}

impl<T: AtHand> OutputType for Plain<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let asked = if writes(ctx) { Asked::of::<T>(ctx, &ctx.item.node) } else { None };
        let Some(mut asked) = asked else { return self.0.resolve(ctx, field).await };
        asked.0.iter_mut().for_each(|(_, found)| *found = Found::Ready);
        let page = poll_fn(|task| {
            let mut page = Page::default();
            let place = Place { ctx, index: None, within: None };
            Poll::Ready(page.object(task, place, &self.0, &mut asked).map(|()| page))
        });
        page.await?.close().await
    }
}
