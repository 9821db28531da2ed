// The input of the cart.
import { z } from 'zod';

/** The maximum number of different items in a cart. Its bytes are bounded too (`SessionSpace`). */
export const maxItems = 500;

export const item = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u,
    'An item is 1 to 64 letters, digits, spaces, dots, dashes or underscores.',
  );

const quantity = z
  .number({ error: 'The quantity must be a whole number.' })
  .int('The quantity must be a whole number.')
  .min(1, 'The quantity must be at least 1.')
  .max(1_000, 'The quantity must be at most 1000.');

export const quantityBody = z.object({ quantity }, { error: 'Send a JSON object with a quantity.' });

/** The same from the form of the home page; the quantity 0 removes the item. */
export const cartForm = z.object({
  item,
  quantity: z
    .string({ error: 'The quantity must be a whole number.' })
    .regex(/^\d{1,4}$/, 'The quantity must be a whole number.')
    .transform(Number)
    .pipe(quantity.or(z.literal(0))),
});
export type CartForm = z.output<typeof cartForm>;
