// pdfkit makes the invoices. Only the shop needs it, so the package `multilane` does not depend on it.
type Pdfkit = typeof import('pdfkit');

/**
 * @param load imports the package
 * @throws Error when it is not installed, with the command that installs it
 */
export async function loadPdfkit(
  load: () => Promise<{ readonly default: Pdfkit }> = () => import('pdfkit'),
): Promise<Pdfkit> {
  try {
    return (await load()).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('the invoices of the shop need the package pdfkit: run "npm install pdfkit"', {
      cause: error,
    });
  }
}
