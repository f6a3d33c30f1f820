// Writes src/gql from the schema: types for every document in src and test. It fails at a scalar that is not named here.

import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: process.env["GUESTLIST_SCHEMA"] ?? "../../schema.graphql",
  documents: ["{src,test}/**/*.ts", "!src/gql/**"],
  importExtension: ".js",
  generates: {
    "./src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        strictScalars: true,
        scalars: { ID: "string", DateTime: "string", EmailAddress: "string", JSON: "unknown" },
        enumsAsTypes: true,
        useTypeImports: true,
      },
    },
  },
};

export default config;
