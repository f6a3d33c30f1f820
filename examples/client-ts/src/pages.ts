// Walks through a list page by page; a screen that shows one page at a time keeps `endCursor` in its place.

interface Page<Row> {
  nodes: Row[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

/** Every row of a list. `read` asks for the page after a cursor. */
export async function* rows<Row>(read: (after: string | null) => Promise<Page<Row> | null | undefined>) {
  for (let after: string | null = null; ; ) {
    const page: Page<Row> | null | undefined = await read(after);
    if (!page) return;
    yield* page.nodes;
    if (!page.pageInfo.hasNextPage) return;
    after = page.pageInfo.endCursor;
  }
}
