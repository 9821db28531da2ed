// What one server of the sample has seen, for its tests.
import { Injectable } from '@nestjs/common';

@Injectable()
export class Journal {
  /** The ids of sessions whose end a gateway was told of. */
  readonly ended: string[] = [];
}
