// What graphql-js, the reference, makes of a document is what the service makes of it.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Kind,
  buildASTSchema,
  buildSchema,
  execute,
  findBreakingChanges,
  findDangerousChanges,
  getIntrospectionQuery,
  getVariableValues,
  graphqlSync,
  parse,
  print,
  validate,
  validateSchema,
  visit,
} from "graphql/index.mjs";
import { BINARY, ask, start } from "./server.mjs";

let server, schema;
before(async () => {
  server = await start();
  schema = buildSchema(await (await fetch(`${server.url}/schema.graphql`)).text());
});
after(() => server.stop());

const sorted = (value) =>
  JSON.parse(JSON.stringify(value), (_, inner) => {
    if (Array.isArray(inner) && inner.every((item) => item?.name)) {
      return inner.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    }
    return inner;
  });

// What the schema itself defines: editions of the specification differ in their own types and directives.
const own = (answer) => {
  const { types, directives, ...rest } = sorted(answer).data.__schema;
  const names = directives.map(({ name }) => name);
  return { ...rest, names, types: types.filter(({ name }) => !name.startsWith("__")) };
};

test("introspection says what the schema's text says", async () => {
  for (const options of [{}, { descriptions: false }, { specifiedByUrl: true, inputValueDeprecation: true, oneOf: true }]) {
    const query = getIntrospectionQuery(options);
    const reference = graphqlSync({ schema, source: query });
    assert.deepEqual(own(await ask(server, query)), own(reference));
  }
});

// Documents, each with variables; whether they are refused is up to the reference.
const cases = [
  ["{ me { id } }"],
  ["{ me { id } me { name } }"],
  ["{ me { a: id a: name } }"],
  ["{ me { ...A } } fragment A on Viewer { x: id ...B } fragment B on Viewer { x: name }"],
  ["{ __typename { id } }"],
  ["{ __typename @nothing }"],
  ["{ __typename @skip(if: true) @skip(if: true) }"],
  ["{ __typename @skip(if: true) }"],
  ["query Q($w: Boolean = true) { __typename @skip(if: $w) }"],
  ["query Q($w: Boolean = false) { __typename @include(if: $w) a: __typename }"],
  ["query Q($w: Boolean!) { __typename @include(if: $w) }", { w: true }],
  ["query Q($w: Boolean) { __typename @include(if: $w) }", { w: true }],
  ["query Q($w: Boolean!) { __typename @include(if: $w) }"],
  ["query Q($w: Boolean!) { __typename @include(if: $w) }", { w: "true" }],
  ["query Q($w: Boolean!) { __typename @include(if: $w) }", { w: 1 }],
  ["query Q($id: ID!) { node(id: $id) { id } }", { id: 7 }],
  ["query Q($id: ID!) { node(id: $id) { id } }", { id: "7" }],
  ["query Q($id: ID!) { node(id: $id) { id } }", { id: 7.5 }],
  ["query Q($id: ID!) { node(id: $id) { id } }", { id: true }],
  ["query Q($id: ID) { node(id: $id) { id } }", { id: "7" }],
  ["{ node(id: 7) { id } }"],
  ["{ node(id: 7.5) { id } }"],
  ["{ node(id: seven) { id } }"],
  ["{ node(id: null) { id } }"],
  ["{ node { id } }"],
  ["{ node(id: 1, id: 2) { id } }"],
  ["{ node(id: 1, ids: 2) { id } }"],
  ["{ nodes(ids: 1) { id } }"],
  ["query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", { ids: "one" }],
  ["query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", { ids: [null] }],
  ["{ invitations(first: 1.0) { totalCount } }"],
  ["{ invitations(first: 3000000000) { totalCount } }"],
  ["query Q($n: Int) { invitations(first: $n) { totalCount } }", { n: 1.0 }],
  ["query Q($n: Int) { invitations(first: $n) { totalCount } }", { n: 1.5 }],
  ["query Q($n: Int) { invitations(first: $n) { totalCount } }", { n: 3000000000 }],
  ["query Q($n: Int) { invitations(first: $n) { totalCount } }", { n: "1" }],
  ["query Q($n: Int!) { invitations(first: $n) { totalCount } }", { n: null }],
  ["{ invitations(filter: { status: PENDING }) { totalCount } }"],
  ["{ invitations(filter: { status: [PENDING, EXPIRED] }) { totalCount } }"],
  ["{ invitations(filter: { status: \"PENDING\" }) { totalCount } }"],
  ["{ invitations(filter: { status: Pending }) { totalCount } }"],
  ["{ invitations(filter: { surprise: 1 }) { totalCount } }"],
  ["query Q($s: [InvitationStatus!]) { invitations(filter: { status: $s }) { totalCount } }", { s: "PENDING" }],
  ["query Q($s: [InvitationStatus!]) { invitations(filter: { status: $s }) { totalCount } }", { s: ["pending"] }],
  ["query Q($s: [InvitationStatus!]) { invitations(filter: { status: $s }) { totalCount } }", { s: [0] }],
  ["query Q($f: InvitationFilter) { invitations(filter: $f) { totalCount } }", { f: { surprise: 1 } }],
  ["query Q($f: InvitationFilter) { invitations(filter: $f) { totalCount } }", { f: { status: null } }],
  ["query Q($unused: Int) { __typename }"],
  ["query Q { node(id: $missing) { id } }"],
  ["query Q($a: Int, $a: Int) { invitations(first: $a) { totalCount } }"],
  ["query Q($a: Viewer) { __typename }"],
  ["query Q($a: Nothing) { __typename }"],
  ["fragment on on Viewer { id } { me { ...on } }"],
  ["fragment A on Viewer { id } { me { id } }"],
  ["{ me { ...Missing } }"],
  ["{ me { ... on Tenant { id } } }"],
  ["{ me { ... on Viewer { id } } }"],
  ["{ me { ... @include(if: true) { id } } }"],
  ["{ ...A } fragment A on Query { ...A }"],
  ["{ me }"],
  ["{ me { id { x } } }"],
  ["{ me { } }"],
  ["{ }"],
  [""],
  ["query A { me { id } } query A { me { id } }"],
  ["query A { me { id } } { me { id } }"],
  ["type T { a: Int }"],
  ["{ me { id } } type T { a: Int }"],
  ["# nothing but a comment"],
  ["{ invitation(token: \"\\u{1F600} \\u00e9 \\uD83D\\uDE00\") { email } }"],
  ["{ invitation(token: \"\\uD83D\") { email } }"],
  ["{ invitation(token: \"\\q\") { email } }"],
  ["{ invitation(token: \"\"\"block \"quoted\" \\\"\"\" text\"\"\") { email } }"],
  ["{ invitation(token: \"a\nb\") { email } }"],
  ["\ufeff{ me { id } }"],
  ["{ me { id, name,, } }"],
  ["{ me @deprecated { id } }"],
  ["query @skip(if: true) { me { id } }"],
  ["mutation M($i: LoginInput!) { login(input: $i) { userErrors { code } } }", { i: { email: "a@x.test" } }],
  ["mutation M($i: LoginInput!) { login(input: $i) { userErrors { code } } }", { i: { email: 7, password: "x" } }],
  ["mutation M($i: LoginInput!) { login(input: $i) { userErrors { code } } }", { i: { email: "a@x.test", password: "x" } }],
  ["mutation M($e: EmailAddress!) { login(input: { email: $e, password: \"x\" }) { userErrors { code } } }", { e: "a@x.test" }],
  ["mutation M($e: String!) { login(input: { email: $e, password: \"x\" }) { userErrors { code } } }", { e: "a@x.test" }],
];

function reference(query, variables) {
  let document;
  try {
    document = parse(query);
  } catch {
    return "GRAPHQL_PARSE_FAILED";
  }
  if (validate(schema, document).length > 0) return "GRAPHQL_VALIDATION_FAILED";
  const operation = document.definitions.find(({ kind }) => kind === "OperationDefinition");
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  return errors ? "BAD_USER_INPUT" : "executed";
}

// The reference finds these only while it validates; a parser may as well.
const early = new Set(["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"]);

for (const [query, variables = {}] of cases) {
  test(`${JSON.stringify(query)} ${JSON.stringify(variables)}`, async () => {
    const expected = reference(query, variables);
    const answer = await ask(server, query, variables);
    const code = answer.errors?.[0].extensions.code;
    if (expected === "executed") {
      assert.ok("data" in answer, JSON.stringify(answer));
      if (/^\W*(query[^{]*)?\{ (a: )?__typename/.test(query)) {
        const data = execute({ schema, document: parse(query), variableValues: variables }).data;
        assert.deepEqual(answer.data, JSON.parse(JSON.stringify(data)));
      }
    } else if (early.has(expected)) {
      assert.ok(early.has(code), `${expected}: ${JSON.stringify(answer)}`);
      assert.ok(!("data" in answer));
    } else {
      assert.equal(code, expected, JSON.stringify(answer));
      assert.ok(!("data" in answer));
    }
  });
}

// One change to each of a few hundred places of the schema: the earlier schema is the served one without, or with, something.
const nullable = (type) => (type.kind === Kind.NON_NULL_TYPE ? type.type : { kind: Kind.NON_NULL_TYPE, type });
const without = (list) => list.slice(1);
const alterations = {
  [Kind.FIELD_DEFINITION]: [
    (field) => ({ ...field, type: nullable(field.type) }),
    (field) => ({ ...field, arguments: without(field.arguments) }),
    (field) => ({ ...field, name: { ...field.name, value: `${field.name.value}Once` } }),
  ],
  [Kind.INPUT_VALUE_DEFINITION]: [
    (value) => ({ ...value, type: nullable(value.type), defaultValue: undefined }),
    (value) => ({ ...value, name: { ...value.name, value: `${value.name.value}Once` } }),
  ],
  [Kind.ENUM_TYPE_DEFINITION]: [(type) => ({ ...type, values: without(type.values) })],
  [Kind.UNION_TYPE_DEFINITION]: [(type) => ({ ...type, types: without(type.types) })],
  [Kind.OBJECT_TYPE_DEFINITION]: [(type) => ({ ...type, interfaces: without(type.interfaces) })],
};

test("what breaks clients is what the reference says", async () => {
  const document = parse(print(parse(await (await fetch(`${server.url}/schema.graphql`)).text())));
  const places = [];
  visit(document, {
    // The reference does not look at the types of a directive's arguments.
    DirectiveDefinition: () => false,
    enter: (node) => void (alterations[node.kind] ?? []).forEach((alter) => places.push([node, alter])),
  });
  let compared = 0;
  const verdicts = new Set();
  for (let place = 0; place < places.length; place += 11) {
    const [altered, alter] = places[place];
    const old = visit(document, { enter: (node) => (node === altered ? alter(node) : undefined) });
    let before;
    try {
      before = buildASTSchema(old);
    } catch {
      continue;
    }
    if (validateSchema(before).length > 0) continue;
    const file = join(server.folder, "old.graphql");
    await writeFile(file, print(old));
    const run = spawnSync(BINARY, ["schema", "--check", file], { encoding: "utf8" });
    // The reference takes a default that is no value of its enum; the service's compiler does not.
    if (run.status === 2 && run.stderr.includes("does not exist on")) continue;
    const said = (weight) => run.stdout.split("\n").filter((line) => line.startsWith(weight)).length;
    const expected = [findBreakingChanges(before, schema).length, findDangerousChanges(before, schema).length];
    assert.deepEqual([said("breaking"), said("dangerous")], expected, `${print(altered)}\n${run.stdout}${run.stderr}`);
    assert.equal(run.status, expected[0] > 0 ? 1 : 0);
    verdicts.add(expected.join());
    compared += 1;
  }
  assert.ok(compared > 40 && verdicts.size > 3, `${compared} ${[...verdicts]}`);
});
