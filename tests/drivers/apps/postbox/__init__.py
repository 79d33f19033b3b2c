"""postbox: an application that has a model write short e-mails and sends them. It knows nothing of harness."""
