"""Command line: argv to one command; each command's module is imported only when it runs."""
def main() -> int:
    return 0
