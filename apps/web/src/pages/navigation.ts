// The entries of the navigation: each page controller brings its own.
import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { PublicUser } from '../users/user.entity.js';

/** Who looks at a page, and the server's name if it may be shown. */
export interface Visitor {
  readonly user?: PublicUser | undefined;
  readonly server?: string | undefined;
}

export interface NavigationEntry {
  readonly label: string;
  /** Below the site's base, such as `/notes`. */
  readonly path: string;
  /** Entries of a lower number stand further left; the app's own begin at 10. */
  readonly place?: number;
  readonly isShownTo: (visitor: Visitor) => boolean;
}

/** Adds an entry to the navigation of all pages: `@InNavigation({ label: 'Notes', … })` on a controller. */
export const InNavigation = DiscoveryService.createDecorator<NavigationEntry>();

/** For `isShownTo`. */
export const signedIn = ({ user }: Visitor): boolean => user !== undefined;
export const administrators = ({ user }: Visitor): boolean => user?.roles.includes('admin') === true;

@Injectable()
export class Navigation {
  private entries?: readonly NavigationEntry[];

  constructor(private readonly discovery: DiscoveryService) {}

  entriesFor(visitor: Visitor): readonly NavigationEntry[] {
    this.entries ??= this.discovery
      .getControllers({ metadataKey: InNavigation.KEY })
      .flatMap((controller) => this.discovery.getMetadataByDecorator(InNavigation, controller) ?? [])
      .sort((a, b) => (a.place ?? 0) - (b.place ?? 0));
    return this.entries.filter(({ isShownTo }) => isShownTo(visitor));
  }
}
