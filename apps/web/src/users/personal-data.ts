// What features keep of a user: it belongs to the account's export, and is deleted with the account.
import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { EntityManager } from 'typeorm';

/** Whose data are exported, and by which session. */
export interface Owner {
  readonly id: string;
  readonly sessionId: string | undefined;
}

/** A provider with `@HoldsPersonalData()` that keeps data of users. */
export interface PersonalData {
  /** The parts of the export that it adds, by name. */
  exportOf?(owner: Owner): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Deletes what is too much for the transaction that deletes the account: a group refuses one that changes more than
   * 143 MiB. Called before it, when the account is deactivated. May be repeated.
   */
  deleteMuchOf?(userId: string): Promise<void>;
  /** Deletes all of a user, in the transaction that deletes the account. May be repeated. */
  deleteOf?(userId: string, manager: EntityManager): Promise<void>;
}

/** Marks a provider whose data the export and the deletion of an account take along. */
export const HoldsPersonalData = DiscoveryService.createDecorator<void>();

/** The data of all features. */
@Injectable()
export class AllPersonalData {
  constructor(private readonly discovery: DiscoveryService) {}

  async exportOf(owner: Owner): Promise<Record<string, unknown>> {
    const parts = await Promise.all(this.holders().map(async (holder) => holder.exportOf?.(owner)));
    return Object.assign({}, ...parts) as Record<string, unknown>;
  }

  async deleteMuchOf(userId: string): Promise<void> {
    for (const holder of this.holders()) await holder.deleteMuchOf?.(userId);
  }

  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    // One after the other: they share the connection of the transaction.
    for (const holder of this.holders()) await holder.deleteOf?.(userId, manager);
  }

  private holders(): PersonalData[] {
    const found = this.discovery.getProviders({ metadataKey: HoldsPersonalData.KEY });
    return found.map(({ instance }) => instance as PersonalData);
  }
}
