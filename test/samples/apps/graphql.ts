// GraphQL over HTTP behind the session: the resolvers get the session as context. One answer commits all their changes.
import express, { type Express } from 'express';
import { buildSchema, GraphQLError } from 'graphql';
import { createHandler } from 'graphql-http/lib/use/express';
import { sessionMiddleware, type Session, type SessionManager } from '@roam/session';
import '@roam/session/types';

const schema = buildSchema(`
  type Query { cart: [String!]! }
  type Mutation { add(item: String!): [String!]!, addThing: [String!]! }
`);

// A type and not an interface: a context must be an object of any keys.
type Context = { readonly session: Session };

const cartOf = ({ session }: Context) => (session.cart as string[] | undefined) ?? [];

const resolvers = {
  cart: (_: unknown, context: Context) => cartOf(context),
  add: ({ item }: { item: string }, context: Context) => {
    if (item === '') throw new GraphQLError('An item has a name.');
    return (context.session.cart = [...cartOf(context), item]);
  },
  /** A mistake: no session holds a Map. */
  addThing: (_: unknown, context: Context) => {
    context.session.thing = new Map();
    return cartOf(context);
  },
};

export function cartGraph(sessions: SessionManager): Express {
  const app = express();
  app.use(sessionMiddleware(sessions));
  app.all(
    '/graphql',
    createHandler<Context>({ schema, rootValue: resolvers, context: ({ raw }) => ({ session: raw.session! }) }),
  );
  return app;
}
