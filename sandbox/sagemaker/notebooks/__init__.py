"""Notebook instances: JupyterLab as a process of the sandbox, with the keys of the notebook's role."""
