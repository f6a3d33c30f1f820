// The documents of this client. codegen reads them here and writes their types to `gql`.

import { graphql } from "./gql/index.js";

export const Refusal = graphql(`
  fragment Refusal on UserError {
    code
    message
    path
  }
`);

export const Tokens = graphql(`
  fragment Tokens on AuthTokens {
    accessToken
    accessTokenExpiresAt
    refreshToken
  }
`);

export const InvitationRow = graphql(`
  fragment InvitationRow on Invitation {
    id
    email
    status
    expiresAt
    role {
      key
      name
    }
    delivery {
      state
    }
  }
`);

export const SignIn = graphql(`
  mutation SignIn($input: LoginInput!) {
    login(input: $input) {
      tokens {
        ...Tokens
      }
      viewer {
        id
        name
      }
      userErrors {
        ...Refusal
      }
    }
  }
`);

export const Refresh = graphql(`
  mutation Refresh($input: RefreshInput!) {
    refresh(input: $input) {
      tokens {
        ...Tokens
      }
      userErrors {
        ...Refusal
      }
    }
  }
`);

export const SignOut = graphql(`
  mutation SignOut($input: LogoutInput) {
    logout(input: $input) {
      userErrors {
        ...Refusal
      }
    }
  }
`);

export const AcceptInvitation = graphql(`
  mutation AcceptInvitation($input: AcceptInvitationInput!) {
    acceptInvitation(input: $input) {
      tokens {
        ...Tokens
      }
      membership {
        id
        role {
          key
        }
        tenant {
          slug
        }
      }
      userErrors {
        ...Refusal
      }
    }
  }
`);

export const Me = graphql(`
  query Me {
    me {
      id
      name
      email
      activeMembership {
        role {
          key
          permissions
        }
        tenant {
          id
          slug
          name
        }
      }
    }
  }
`);

export const Invitations = graphql(`
  query Invitations($first: Int!, $after: String, $filter: InvitationFilter) {
    invitations(first: $first, after: $after, filter: $filter) {
      nodes {
        ...InvitationRow
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const Invite = graphql(`
  mutation Invite($input: InviteInput!) {
    invite(input: $input) {
      created
      link
      invitation {
        ...InvitationRow
      }
      userErrors {
        ...Refusal
      }
    }
  }
`);

export const LatestEvent = graphql(`
  query LatestEvent {
    events(first: 1) {
      edges {
        cursor
      }
    }
  }
`);

export const InvitationEvents = graphql(`
  subscription InvitationEvents($after: String) {
    invitationEvents(after: $after) {
      cursor
      node {
        kind
        at
        subject {
          __typename
          ...InvitationRow
        }
      }
    }
  }
`);
