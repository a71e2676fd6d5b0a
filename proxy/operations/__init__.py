"""What one call does, without HTTP and without a vendor's SDK. An operation reads as the list of its stages."""
