// All routes of the API, from which `openapi.ts` makes the description. A test compares this list with the app.
import { quantityBody } from '../cart/cart.schemas.js';
import { accountRoutes } from './account-routes.js';
import { adminRoutes } from './admin-routes.js';
import { answer, type Route } from './route.js';
import { signInRoutes } from './sign-in-routes.js';

export const routes: readonly Route[] = [
  ...signInRoutes,
  ...accountRoutes,
  ...adminRoutes,
  { route: 'GET /api/cart', does: 'The cart', for: 'everybody', answers: { 200: 'The items' } },
  {
    route: 'PUT /api/cart/{item}',
    does: 'Sets the quantity of an item in the cart',
    for: 'everybody',
    body: quantityBody,
    answers: { 200: 'The items', 409: 'The cart is full', 422: answer.wrong, 429: answer.slow },
  },
  {
    route: 'DELETE /api/cart/{item}',
    does: 'Removes an item from the cart',
    for: 'everybody',
    answers: { 200: 'The items', 422: answer.wrong },
  },
];
