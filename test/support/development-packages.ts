// Packages that only the development of roam needs: none may reach the image of the web servers.

export const developmentPackages = [
  'jest',
  '@babel/core',
  'typescript',
  'eslint',
  '@swc/core',
  '@nestjs/cli',
  'redis',
  'socket.io',
  'ws',
] as const;
