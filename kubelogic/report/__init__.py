"""Results as text, JSON, SARIF, JUnit and GitHub annotations."""
