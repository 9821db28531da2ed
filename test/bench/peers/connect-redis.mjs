// The one Redis client of all variants.
import { createClient } from 'redis';

export function connectRedis(url) {
  return createClient({ url })
    .on('error', (error) => console.error(error))
    .connect();
}
