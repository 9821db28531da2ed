// What the API's description says of these routes.
import { quantityBody } from './cart.schemas.js';
import { answer, type ApiRoute } from '../openapi/api-route.js';

export const cartRoutes: readonly ApiRoute[] = [
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
