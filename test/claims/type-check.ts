// Checks the types of one changed file at a time, in the program of the whole repository.
import { join } from 'node:path';
import ts from 'typescript';

export class TypeCheck {
  private readonly changes = new Map<string, number>();
  private readonly service: ts.LanguageService;

  constructor(private readonly folder: string) {
    const { config } = ts.readConfigFile(join(folder, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
      config: object;
    };
    const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
    this.service = ts.createLanguageService({
      // A removed check may leave an import behind.
      getCompilationSettings: () => ({ ...options, noUnusedLocals: false, noUnusedParameters: false }),
      getScriptFileNames: () => fileNames,
      getScriptVersion: (path) => String(this.changes.get(path) ?? 0),
      getScriptSnapshot: (path) => {
        const text = ts.sys.readFile(path);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => folder,
      getDefaultLibFileName: (chosen) => ts.getDefaultLibFilePath(chosen),
      fileExists: (path) => ts.sys.fileExists(path),
      readFile: (path) => ts.sys.readFile(path),
      directoryExists: (path) => ts.sys.directoryExists(path),
      getDirectories: (path) => ts.sys.getDirectories(path),
      realpath: (path) => ts.sys.realpath?.(path) ?? path,
    });
  }

  /** What does not compile in a file that has changed. */
  faultsOf(file: string): readonly string[] {
    if (!file.endsWith('.ts')) return [];
    const path = join(this.folder, file);
    this.changed(file);
    return [...this.service.getSyntacticDiagnostics(path), ...this.service.getSemanticDiagnostics(path)].map(
      ({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '),
    );
  }

  /** To be called when the file has another text. */
  changed(file: string): void {
    const path = join(this.folder, file);
    this.changes.set(path, (this.changes.get(path) ?? 0) + 1);
  }
}
